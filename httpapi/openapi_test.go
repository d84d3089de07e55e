package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/httpapi"
)

// document is as much of an OpenAPI document as the tests read.
type document struct {
	OpenAPI    string `json:"openapi"`
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]operation `json:"paths"`
	Info       struct{ License struct{ Identifier string } }
	Components struct {
		Headers         map[string]json.RawMessage `json:"headers"`
		Schemas         map[string]json.RawMessage `json:"schemas"`
		SecuritySchemes map[string]json.RawMessage `json:"securitySchemes"`
	} `json:"components"`
	raw string
}

type operation struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Tags        []string              `json:"tags"`
	Security    []map[string][]string `json:"security"`
	Parameters  []struct {
		Name, In string
		Schema   map[string]any
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct{ Schema map[string]any }
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string
		Headers     map[string]map[string]any
		Content     map[string]struct{ Schema map[string]any }
	} `json:"responses"`
}

// bare makes an API over no services: enough for whatever is answered before
// one is called.
func bare(t *testing.T) *httpapi.API {
	t.Helper()
	return httpapi.New(httpapi.Config{
		Authenticate: func(next http.Handler) http.Handler { return next },
		CursorKeys:   [][]byte{make([]byte, 32)},
		BaseURL:      "https://auth.example",
		Version:      "1.2.3",
	})
}

// everyRouter makes one of each kind.
func everyRouter(api *httpapi.API) {
	api.UserRouter("/auth")
	api.StaffRouter("/staff")
	api.AdminRouter("/admin")
	api.ServiceRouter("/service")
}

func documentOf(t *testing.T, api *httpapi.API) document {
	t.Helper()
	w := httptest.NewRecorder()
	api.OpenAPI().ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
	}
	doc := document{raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// operations calls fn with every operation of the document.
func (d document) operations(fn func(method, path string, op operation)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			fn(strings.ToUpper(method), path, d.Paths[path][method])
		}
	}
}

func TestOpenAPI_IsComplete(t *testing.T) {
	t.Parallel()
	api := bare(t)
	everyRouter(api)
	doc := documentOf(t, api)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.License.Identifier != "MIT" {
		t.Errorf("version %q, license %q", doc.OpenAPI, doc.Info.License.Identifier)
	}
	ids, sections := map[string]bool{}, map[string]bool{}
	doc.operations(func(method, path string, op operation) {
		where := method + " " + path
		if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s: id %q, summary %q, tags %v", where, op.OperationID, op.Summary, op.Tags)
		}
		ids[op.OperationID], sections[strings.Join(op.Tags, " ")] = true, true
		if op.Security == nil {
			t.Errorf("%s leaves open whether it needs a credential", where)
		}
		for _, requirement := range op.Security {
			for scheme, scopes := range requirement {
				if len(scopes) > 1 {
					t.Errorf("%s says that all of %v are needed; one is enough", where, scopes)
				}
				if doc.Components.SecuritySchemes[scheme] == nil {
					t.Errorf("%s asks for the scheme %q, which is not defined", where, scheme)
				}
			}
		}
		if strings.Contains(path, "{id}") != slices.ContainsFunc(op.Parameters, func(p struct {
			Name, In string
			Schema   map[string]any
		}) bool {
			return p.Name == "id" && p.In == "path"
		}) {
			t.Errorf("%s: the path and its parameters differ", where)
		}
		for _, status := range []string{"400", "429", "500", "503"} {
			if _, ok := op.Responses[status]; !ok {
				t.Errorf("%s does not describe %s", where, status)
			}
		}
		if _, ok := op.Responses["401"]; !ok && len(op.Security) > 0 {
			t.Errorf("%s does not describe 401", where)
		}
		for status, answer := range op.Responses {
			for header, on := range map[string]string{"X-Request-ID": status, "RateLimit": status, "RateLimit-Policy": status, "WWW-Authenticate": "401", "Retry-After": "429"} {
				if status == on && answer.Headers[header] == nil {
					t.Errorf("%s does not describe %s of %s", where, header, status)
				}
			}
			for media, content := range answer.Content {
				isProblem := content.Schema["$ref"] == "#/components/schemas/Problem"
				if failed := status >= "400"; failed != isProblem || failed != (media == "application/problem+json") {
					t.Errorf("%s answers %s with %s %v", where, status, media, content.Schema)
				}
			}
		}
	})
	for _, tag := range doc.Tags {
		if !sections[tag.Name] || tag.Description == "" {
			t.Errorf("the section %q has no operations or no description", tag.Name)
		}
		delete(sections, tag.Name)
	}
	if len(sections) > 0 {
		t.Errorf("sections that are not described: %v", slices.Collect(maps.Keys(sections)))
	}
	if len(ids) != 133 {
		t.Errorf("%d operations", len(ids))
	}
	for _, word := range []string{"$schema", "ErrorModel", `"default":{"`, "additionalProperties\":{\"$ref"} {
		if strings.Contains(doc.raw, word) {
			t.Errorf("the document has %s", word)
		}
	}
}

// TestOpenAPI_References finds a definition for every reference.
func TestOpenAPI_References(t *testing.T) {
	t.Parallel()
	api := bare(t)
	everyRouter(api)
	doc := documentOf(t, api)
	for _, rest := range strings.Split(doc.raw, `"$ref":"`)[1:] {
		ref, _, _ := strings.Cut(rest, `"`)
		schema := doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		header := doc.Components.Headers[strings.TrimPrefix(ref, "#/components/headers/")]
		if schema == nil && header == nil {
			t.Errorf("%q is not defined", ref)
		}
	}
	for name, schema := range doc.Components.Schemas {
		var s struct {
			AdditionalProperties any
			Properties           map[string]struct{ Type any }
		}
		if err := json.Unmarshal(schema, &s); err != nil {
			t.Fatal(err)
		}
		input := strings.HasSuffix(name, "Input")
		if closed := s.AdditionalProperties == false; closed != input {
			t.Errorf("%s: closed is %v; bodies are, answers grow", name, closed)
		}
		for member, p := range s.Properties {
			if kinds, ok := p.Type.([]any); ok && !input && slices.Contains(kinds, any("array")) {
				t.Errorf("%s.%s may be null; lists are empty instead", name, member)
			}
		}
	}
}

// TestOpenAPI_FollowsTheRouters proves that several routers share a document
// without overwriting one another's paths, and that one made later is in it.
func TestOpenAPI_FollowsTheRouters(t *testing.T) {
	t.Parallel()
	api := bare(t)
	if doc := documentOf(t, api); len(doc.Paths) != 0 {
		t.Errorf("%d paths before there is a router", len(doc.Paths))
	}
	api.UserRouter("/auth")
	documentOf(t, api)
	api.UserRouter("/")
	doc := documentOf(t, api)
	ids := map[string]bool{}
	doc.operations(func(_, _ string, op operation) { ids[op.OperationID] = true })
	if _, a := doc.Paths["/auth/me"]; !a || doc.Paths["/me"] == nil || len(ids) != 56 {
		t.Errorf("%d paths, %d ids", len(doc.Paths), len(ids))
	}
}

// TestOpenAPI_ARouterOfTheSamePrefixIsTheSame makes one twice: operations keep
// their ids, and both serve.
func TestOpenAPI_ARouterOfTheSamePrefixIsTheSame(t *testing.T) {
	t.Parallel()
	api := bare(t)
	first := api.UserRouter("/auth")
	want := documentOf(t, api).raw
	second := api.UserRouter("auth/")
	if documentOf(t, api).raw != want {
		t.Error("the document changed")
	}
	for _, router := range []http.Handler{first, second} {
		w := httptest.NewRecorder()
		if router.ServeHTTP(w, jsonRequest("POST", "/auth/login", `{}`)); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%d", w.Code)
		}
	}
}

// TestOpenAPI_NamesTheCodes finds every code that an operation may answer in the
// schema of problems, in which each is of a document.
func TestOpenAPI_NamesTheCodes(t *testing.T) {
	t.Parallel()
	api := bare(t)
	everyRouter(api)
	doc := documentOf(t, api)
	var schema struct {
		Properties struct{ Code struct{ Enum []string } }
	}
	if err := json.Unmarshal(doc.Components.Schemas["Problem"], &schema); err != nil {
		t.Fatal(err)
	}
	codes := schema.Properties.Code.Enum
	if !slices.IsSorted(codes) || slices.Contains(codes, "closed") || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("the codes are %v", codes)
	}
	doc.operations(func(method, path string, op operation) {
		for status, answer := range op.Responses {
			for i, code := range strings.Split(answer.Description, "`") {
				if i%2 == 1 && !slices.Contains(codes, code) {
					t.Errorf("%s %s answers %s %s, which is no code of a problem", method, path, status, code)
				}
			}
		}
	})
}

// TestOpenAPI_IgnoresHumaGlobals changes what any package may change in huma
// and finds the same document: this test is not parallel.
func TestOpenAPI_IgnoresHumaGlobals(t *testing.T) {
	before := bare(t)
	before.UserRouter("/auth")
	want := documentOf(t, before).raw

	newError, nullable, formats := huma.NewError, huma.DefaultArrayNullable, huma.DefaultFormats
	t.Cleanup(func() { huma.NewError, huma.DefaultArrayNullable, huma.DefaultFormats = newError, nullable, formats })
	huma.NewError = func(int, string, ...error) huma.StatusError { panic("huma made an error") }
	huma.DefaultArrayNullable = !nullable
	huma.DefaultFormats = nil

	after := bare(t)
	router := after.UserRouter("/auth")
	if got := documentOf(t, after).raw; got != want {
		t.Error("the document depends on huma's package-level settings")
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, jsonRequest("POST", "/auth/login", `{"username":1}`))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "validation_failed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOpenAPI_OnlyReads(t *testing.T) {
	t.Parallel()
	api := bare(t)
	for name, h := range map[string]http.Handler{"openapi": api.OpenAPI(), "jwks": api.JWKS(), "health": api.Health()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/health", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", name, w.Code, w.Header().Get("Allow"))
		}
	}
}
