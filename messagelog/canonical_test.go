package messagelog

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What is taken for canonical is what decoding and encoding would have made.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"role":"a","content":"b"}]`, `[{"role":"a","content":"b"},{"role":"","content":"é\n\"\\"}]`,
		"[{\"role\":\"a\",\"content\":\"\u2028\"}]", `[{"role":"a","content":"\u0041"}]`, `[{"role":"a","content":"\/"}]`,
		`[{"role":"a","content":"b\"}]`, "[{\"role\":\"a\",\"content\":\"\xe2\"}]", "[{\"role\":\"a\",\"content\":\"\x7f\t\"}]",
		`[{"role":"a","content":"b"}`, `[{"role":"a","content":"b"},]`, `[{"role":"<","content":"&"}] `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !canonical([]byte(raw)) {
			return
		}
		var all []turn
		if err := json.Unmarshal([]byte(raw), &all); err != nil {
			t.Fatalf("%q is no JSON: %v", raw, err)
		}
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(all); err != nil || out.String() != raw+"\n" {
			t.Fatalf("%q would be stored as %q, %v", raw, out.String(), err)
		}
	})
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		`[]`: true, `[{"role":"user","content":"<hé>\n"}]`: true, `[{"role":"","content":""},{"role":"\\","content":"\""}]`: true,
		``: false, `[`: false, ` []`: false, `[{"role":"a","content":"b"}`: false, `[{"content":"b","role":"a"}]`: false,
		`[{"role":"a","content":"b","x":1}]`: false, `[{"role":"a","content":"\u0041"}]`: false, `[{"role":"a","content":"b\`: false,
	} {
		if got := canonical([]byte(raw)); got != want {
			t.Errorf("canonical(%s) = %v", raw, got)
		}
	}
}
