package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// sample has a member of every sort that bodies have.
type sample struct {
	Name   string                              `json:"name" minLength:"2" maxLength:"5"`
	Kind   string                              `json:"kind,omitempty" enum:"day,week"`
	Count  int64                               `json:"count,omitempty" minimum:"1" maximum:"9007199254740991"`
	Flag   bool                                `json:"flag,omitempty"`
	At     *time.Time                          `json:"at,omitempty" nullable:"true"`
	Tags   []string                            `json:"tags,omitempty" nullable:"false" maxItems:"2"`
	Parts  []part                              `json:"parts,omitempty" nullable:"false"`
	Free   httpapi.Object                      `json:"free,omitzero"`
	Patch  httpapi.Optional[string]            `json:"patch,omitzero" nullable:"true"`
	Strict httpapi.Optional[string]            `json:"strict,omitzero"`
	Any    httpapi.Optional[[]json.RawMessage] `json:"any,omitzero" nullable:"false"`
}

type part struct {
	ID string `json:"id"`
	N  *int64 `json:"n"`
}

// TestStrictJSON is the table of what a body may be. Each row has the code it
// is answered with and the faults as "field rule".
func TestStrictJSON(t *testing.T) {
	t.Parallel()
	const bad, invalid = store.ErrInvalidRequest, store.ErrValidation
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	rows := []struct {
		name, body string
		code       store.Code
		faults     []string
	}{
		{name: "the least", body: `{"name":"ab"}`},
		{name: "everything", body: `{"name":"ab","kind":"day","count":9007199254740991,"flag":true,"at":"2026-01-02T03:04:05.678Z",
			"tags":["a","b"],"parts":[{"id":"x","n":1},{"id":"y","n":null}],"free":{"A":{"a":1,"b":[1,"x",null]}},"patch":null,"strict":"s"}`},
		{name: "white space around", body: " \r\n\t{\"name\":\"ab\"}\n "},
		{name: "lengths are of characters", body: `{"name":"ééééé"}`},
		{name: "a surrogate pair", body: `{"name":"\ud83d\ude00x"}`},
		{name: "an escaped backslash before u", body: `{"name":"\\ud8"}`},
		{name: "deep but not too deep", body: `{"name":"ab","free":{"a":` + nested(62) + `}}`},

		{name: "nothing", body: ``, code: invalid, faults: []string{"name required"}},
		{name: "broken", body: `{"name":`, code: bad},
		{name: "a bare word", body: `nil`, code: bad},
		{name: "a comment", body: `{"name":"ab"/**/}`, code: bad},
		{name: "a trailing comma", body: `{"name":"ab",}`, code: bad},
		{name: "a control character", body: "{\"name\":\"a\x01b\"}", code: bad},
		{name: "broken UTF-8", body: "{\"name\":\"a\xff\"}", code: bad},
		{name: "broken UTF-8 in a name", body: "{\"name\xc0\xaf\":\"ab\"}", code: bad},
		{name: "a byte order mark", body: "\ufeff{\"name\":\"ab\"}", code: bad},
		{name: "half a surrogate pair", body: `{"name":"\ud83d"}`, code: bad},
		{name: "surrogates the wrong way round", body: `{"name":"\ude00\ud83d"}`, code: bad},
		{name: "a bad escape", body: `{"name":"\x41b"}`, code: bad},
		{name: "an escape cut off", body: `{"name":"\ud83d\u`, code: bad},

		{name: "not an object", body: `["name"]`, code: invalid, faults: []string{"body type"}},
		{name: "null", body: `null`, code: invalid, faults: []string{"body null"}},
		{name: "a second document", body: `{"name":"ab"}{"name":"cd"}`, code: invalid, faults: []string{"body trailing"}},
		{name: "trailing garbage", body: `{"name":"ab"}}`, code: invalid, faults: []string{"body trailing"}},
		{name: "too deep", body: `{"name":"ab","free":{"a":` + nested(63) + `}}`, code: invalid, faults: []string{"body depth"}},
		{name: "far too deep", body: strings.Repeat("[", 500_000), code: invalid, faults: []string{"body depth"}},
		{name: "missing", body: `{}`, code: invalid, faults: []string{"name required"}},
		{name: "unknown", body: `{"name":"ab","CANARY":1}`, code: invalid, faults: []string{"body unknown"}},
		{name: "unknown deeper", body: `{"name":"ab","parts":[{"id":"x","n":1,"CANARY":2}]}`, code: invalid, faults: []string{"parts[0] unknown"}},
		{name: "another case", body: `{"Name":"ab"}`, code: invalid, faults: []string{"name case", "name required"}},
		{name: "both cases", body: `{"name":"ab","NAME":"cd"}`, code: invalid, faults: []string{"name case"}},
		{name: "repeated", body: `{"name":"ab","name":"ab"}`, code: invalid, faults: []string{"name repeated"}},
		{name: "repeated by escape", body: `{"name":"ab","n\u0061me":"cd"}`, code: invalid, faults: []string{"name repeated"}},
		{name: "repeated in a free object", body: `{"name":"ab","free":{"CANARY":1,"CANARY":2}}`, code: invalid, faults: []string{"free repeated"}},
		{name: "NUL in a name", body: `{"name":"ab","na\u0000me":1}`, code: invalid, faults: []string{"body format", "body unknown"}},
		{name: "NUL in a text", body: `{"name":"a\u0000b"}`, code: invalid, faults: []string{"name format"}},
		{name: "NUL in a free object", body: `{"name":"ab","free":{"x":"CANARY\u0000"}}`, code: invalid, faults: []string{"free format"}},
		{name: "null where it cannot be", body: `{"name":null,"tags":null,"strict":null,"free":null}`, code: invalid,
			faults: []string{"name null", "tags null", "strict null", "free null"}},
		{name: "too short and too long", body: `{"name":"a","kind":"day","parts":[{"id":"x","n":1}],"tags":["a","b","c"]}`, code: invalid,
			faults: []string{"name length", "tags items"}},
		{name: "not of the list", body: `{"name":"ab","kind":"CANARY"}`, code: invalid, faults: []string{"kind enum"}},
		{name: "wrong types", body: `{"name":1,"count":"1","flag":"true","at":5,"tags":{"a":1},"parts":["x"],"free":[]}`, code: invalid,
			faults: []string{"name type", "count type", "flag type", "at type", "tags type", "parts[0] type", "free type"}},
		{name: "a fraction", body: `{"name":"ab","count":1.0}`, code: invalid, faults: []string{"count type"}},
		{name: "an exponent", body: `{"name":"ab","count":1e3}`, code: invalid, faults: []string{"count type"}},
		{name: "too small", body: `{"name":"ab","count":0}`, code: invalid, faults: []string{"count range"}},
		{name: "too large", body: `{"name":"ab","count":9007199254740992}`, code: invalid, faults: []string{"count range"}},
		{name: "beyond 64 bits", body: `{"name":"ab","count":99999999999999999999}`, code: invalid, faults: []string{"count range"}},
		{name: "not a time", body: `{"name":"ab","at":"CANARY"}`, code: invalid, faults: []string{"at format"}},
		{name: "beyond every float64", body: `{"name":"ab","free":{"CANARY":[1e400]}}`, code: invalid, faults: []string{"free range"}},
		{name: "the zero time", body: `{"name":"ab","at":"0001-01-01T00:00:00Z"}`, code: invalid, faults: []string{"at format"}},
		{name: "the zero time elsewhere", body: `{"name":"ab","at":"0001-01-01T01:00:00+01:00"}`, code: invalid, faults: []string{"at format"}},
		{name: "a year of five digits in UTC", body: `{"name":"ab","at":"9999-12-31T23:59:59-00:01"}`, code: invalid, faults: []string{"at format"}},
		{name: "the last time", body: `{"name":"ab","at":"9999-12-31T23:59:59Z"}`},
		{name: "missing deeper", body: `{"name":"ab","parts":[{"id":"x"}]}`, code: invalid, faults: []string{"parts[0].n required"}},
	}
	decode := httpapi.Decoder[sample]()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var v sample
			err := decode([]byte(row.body), &v)
			if got := store.CodeOf(err); got != row.code {
				t.Fatalf("code %q, want %q: %v", got, row.code, err)
			}
			var faults []string
			if e, ok := errors.AsType[*store.Error](err); ok {
				for _, f := range e.Fields {
					faults = append(faults, f.Field+" "+f.Rule)
				}
				if strings.Contains(err.Error(), "CANARY") {
					t.Errorf("the error repeats the body: %v", err)
				}
			}
			if diff := cmp.Diff(row.faults, faults); diff != "" {
				t.Error("faults (-want +got):", diff)
			}
		})
	}
}

func TestStrictJSON_NamesTheMembersItKnows(t *testing.T) {
	t.Parallel()
	type body struct {
		B    string   `json:"b,omitempty"`
		A    string   `json:"a,omitempty"`
		Part part     `json:"part,omitzero"`
		None struct{} `json:"none,omitzero"`
	}
	decode := httpapi.Decoder[body]()
	for text, want := range map[string]string{
		`{"CANARY":1}`:          "There is a member that this route does not know. It knows: a, b, none, part.",
		`{"part":{"CANARY":1}}`: "There is a member that this route does not know. It knows: id, n.",
		`{"none":{"CANARY":1}}`: "There is a member that this route does not know. It knows none.",
	} {
		err, _ := errors.AsType[*store.Error](decode([]byte(text), new(body)))
		if err == nil || err.Fields[0].Message != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestStrictJSON_Values(t *testing.T) {
	t.Parallel()
	var v sample
	body := `{"name":"ab","count":9007199254740991,"free":{"b":1,"a":2},"patch":null,"strict":"s","parts":[{"id":"x","n":7}]}`
	if err := httpapi.Decoder[sample]()([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "ab" || v.Count != store.MaxAmount || *v.Parts[0].N != 7 {
		t.Errorf("got %+v", v)
	}
	if free, _ := v.Free.MarshalJSON(); string(free) != `{"b":1,"a":2}` {
		t.Errorf("the object is %s", free)
	}
	if p := httpapi.Pointer(v.Patch); p == nil || *p != "" {
		t.Error("null does not clear")
	}
	if p := httpapi.Pointer(v.Strict); p == nil || *p != "s" {
		t.Error("a value is not set")
	}
	if p := httpapi.Pointer(v.Any); p != nil {
		t.Error("an absent member is set")
	}
}

// FuzzStrictJSON holds the decoder to three things: it does not fail on any
// input, what it takes is JSON that it takes again after a round trip, and no
// error repeats the input.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"ab"}`, `{"name":"ab","free":{"a":[{}]}}`, `{"name":"\ud83d\ude00"}`, `{"name":"\ud83d"}`, `{"name":"ab"}x`,
		`{"name":"ab","name":"cd"}`, `{"NAME":"ab"}`, `[[[[`, `{"name":"a\u0000"}`, "\xff", ``, `null`, `{"count":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	decode := httpapi.Decoder[sample]()
	f.Fuzz(func(t *testing.T, data []byte) {
		var v sample
		err := decode(data, &v)
		if err == nil {
			if !json.Valid(data) {
				t.Error("took what is not JSON")
			}
			var compact bytes.Buffer
			if json.Compact(&compact, data) != nil || decode(compact.Bytes(), new(sample)) != nil {
				t.Error("a round trip is refused")
			}
			return
		}
		if code := store.CodeOf(err); code != store.ErrInvalidRequest && code != store.ErrValidation {
			t.Errorf("code %q", code)
		}
	})
}
