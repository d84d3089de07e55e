package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// The names of the security schemes.
const (
	schemeBearer  = "bearer"
	schemeAPIKey  = "apiKey"
	schemeStaff   = "staff"
	schemeAdmin   = "admin"
	schemeService = "service"
)

// describe makes the OpenAPI operation of a route and the shape of its body.
// Every answer is named explicitly, with our own problem document, so that
// nothing in it depends on huma's package-level settings.
func describe[I, O any](r *router, rt route) (*huma.Operation, *shape) {
	op := &huma.Operation{
		Method:      rt.method,
		Path:        rt.path,
		OperationID: rt.id + r.suffix,
		Summary:     rt.summary,
		Tags:        []string{rt.tag},
		Security:    securityOf(r.kind, rt.action),
		Responses:   map[string]*huma.Response{},
	}
	for _, name := range []string{"id", "key_id"} {
		if strings.Contains(rt.path, "{"+name+"}") {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	if rt.list != nil {
		op.Parameters = append(op.Parameters, rt.list.parameters()...)
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, queryParam(p.name, p.description, &huma.Schema{Type: huma.TypeString}))
	}
	if rt.idempotent {
		op.Parameters = append(op.Parameters, idempotencyParam())
	}
	schemas := r.api.schemas
	var body *shape
	if in := reflect.TypeFor[I](); in != reflect.TypeFor[none]() {
		schema := schemas.Schema(in, true, "")
		body = compile(schemas, schema)
		body.values = rt.maxValues
		op.RequestBody = &huma.RequestBody{
			Required: len(body.required) > 0,
			Content:  map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	answer := success(schemas, rt.status, reflect.TypeFor[O]())
	if rt.idempotent {
		answer.Headers[headerReplayed] = headerRef(headerReplayed)
	}
	op.Responses[strconv.Itoa(rt.status)] = answer
	if rt.also != 0 {
		op.Responses[strconv.Itoa(rt.also)] = success(schemas, rt.also, reflect.TypeFor[O]())
	}
	for status, codes := range refusals(r.kind, rt, body != nil) {
		op.Responses[strconv.Itoa(status)] = refusal(schemas, status, codes)
	}
	return op, body
}

// securityOf says which credentials an action takes on the routes of a kind: none,
// an access token, or also an API key. Scopes that stand in one requirement are
// all needed, so each that is enough has a requirement of its own. No requirement
// at all is said in so many words: an empty list, not an absent one.
func securityOf(kind authn.Kind, a authz.Action) []map[string][]string {
	security := []map[string][]string{}
	switch {
	case authz.Public(a):
		return security
	case kind == authn.KindService:
		return append(security, map[string][]string{schemeService: authz.KeyScopes(kind, a)})
	case kind == authn.KindStaff:
		return append(security, map[string][]string{schemeStaff: {"level " + strconv.Itoa(int(authz.Level(a)))}})
	case kind == authn.KindAdmin:
		permissions := authz.Permissions(a)
		if len(permissions) == 0 {
			return append(security, map[string][]string{schemeAdmin: {}})
		}
		for _, permission := range permissions {
			security = append(security, map[string][]string{schemeAdmin: {permission}})
		}
		return security
	}
	security = append(security, map[string][]string{schemeBearer: {}})
	for _, scope := range authz.KeyScopes(kind, a) {
		security = append(security, map[string][]string{schemeAPIKey: {scope}})
	}
	return security
}

func success(r huma.Registry, status int, out reflect.Type) *huma.Response {
	answer := &huma.Response{Description: http.StatusText(status), Headers: commonHeaders()}
	if out != reflect.TypeFor[none]() {
		schema := r.Schema(out, true, "")
		open(r, schema)
		answer.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
	}
	return answer
}

// open lets the objects of an answer have members that are not there yet:
// clients must bear those. Lists in answers are never null.
func open(r huma.Registry, s *huma.Schema) {
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if s.Type == huma.TypeObject {
		s.AdditionalProperties = nil
	}
	for _, member := range s.Properties {
		open(r, member)
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
		open(r, s.Items)
	}
}

// refusals are the codes that a route may answer, by status.
func refusals(kind authn.Kind, rt route, hasBody bool) map[int][]store.Code {
	codes := []store.Code{store.ErrInvalidRequest, store.ErrRateLimited, store.ErrInternal, store.ErrUnavailable}
	if !authz.Public(rt.action) {
		codes = append(codes, store.ErrUnauthenticated, store.ErrInvalidToken, store.ErrForbidden, store.ErrIPNotAllowed)
	}
	if hasBody {
		codes = append(codes, store.ErrPayloadTooLarge, store.ErrUnsupportedMediaType)
	}
	if hasBody || rt.list != nil || rt.query != nil {
		codes = append(codes, store.ErrValidation)
	}
	if rt.idempotent {
		codes = append(codes, store.ErrIdempotencyMismatch)
	}
	if authz.NeedsReason(kind, rt.action) {
		codes = append(codes, store.ErrReasonRequired)
	}
	if strings.Contains(rt.path, "{id}") {
		codes = append(codes, store.ErrNotFound)
	}
	byStatus := map[int][]store.Code{}
	for _, code := range append(codes, rt.refusals...) {
		status := problem.From(code, "").Status
		if !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	return byStatus
}

func refusal(r huma.Registry, status int, codes []store.Code) *huma.Response {
	words := make([]string, len(codes))
	for i, code := range codes {
		words[i] = "`" + string(code) + "`"
	}
	answer := &huma.Response{
		Description: http.StatusText(status) + ": " + strings.Join(words, ", "),
		Content:     map[string]*huma.MediaType{problem.ContentType: {Schema: problemSchema(r)}},
		Headers:     commonHeaders(),
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		answer.Headers[headerChallenge] = headerRef(headerChallenge)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		answer.Headers[headerRetry] = headerRef(headerRetry)
	}
	return answer
}

// problemSchema is that of a problem document, with the codes there are.
func problemSchema(r huma.Registry) *huma.Schema {
	ref := r.Schema(reflect.TypeFor[problem.Problem](), true, "")
	open(r, ref)
	code := r.SchemaFromRef(ref.Ref).Properties["code"]
	code.Enum = nil
	for _, c := range problem.Codes() {
		code.Enum = append(code.Enum, string(c))
	}
	return ref
}

const (
	headerChallenge = "WWW-Authenticate"
	headerRetry     = "Retry-After"
)

// headers are the components that answers refer to.
func headers() map[string]*huma.Param {
	one := func(kind, description string) *huma.Param {
		return &huma.Param{Description: description, Schema: &huma.Schema{Type: kind}}
	}
	return map[string]*huma.Param{
		problem.RequestIDHeader: one(huma.TypeString, "Names the request in answers, logs and the audit trail"),
		ratelimit.PolicyHeader:  one(huma.TypeString, "The limits that were asked, where there are any (draft-ietf-httpapi-ratelimit-headers)"),
		ratelimit.LimitHeader:   one(huma.TypeString, "What is left of each of them"),
		headerChallenge:         one(huma.TypeString, "What is wrong with the credential (RFC 6750); with 403, where a scope is missing"),
		headerRetry:             one(huma.TypeInteger, "Whole seconds to wait"),
		headerReplayed:          one(huma.TypeBoolean, "true on the answer of an earlier request with the same Idempotency-Key"),
	}
}

// commonHeaders are on every answer.
func commonHeaders() map[string]*huma.Param {
	common := make(map[string]*huma.Param)
	for _, name := range []string{problem.RequestIDHeader, ratelimit.PolicyHeader, ratelimit.LimitHeader} {
		common[name] = headerRef(name)
	}
	return common
}

func headerRef(name string) *huma.Param { return &huma.Param{Ref: "#/components/headers/" + name} }
