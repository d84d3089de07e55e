package main

import (
	"slices"
	"strings"
	"testing"
)

func TestTheListCanBeRead(t *testing.T) {
	t.Parallel()
	entries, err := readCases(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 100 || entries[0].id != "" {
		t.Errorf("%d lines, the first %+v", len(entries), entries[0])
	}
}

func TestReadCases(t *testing.T) {
	t.Parallel()
	got, err := readCases("# Tokens\nJW-01\tforged tokens\nQ1\tcheck, then act\tneeds credits\n")
	want := []entry{{title: "Tokens"}, {id: "JW-01", title: "forged tokens"}, {"Q1", "check, then act", "needs credits"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"JW-01\n", "JW-1\ttitle\n", "\ttitle\n", "Q1\ttitle\t\n", "Q1\ta\tb\tc\n", "Q1\ta\nQ1\tb\n", "Q1\ta\n\nQ2\tb\n"} {
		if got, err := readCases(text); err == nil || !strings.Contains(err.Error(), "cases.tsv:") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"JW-01": true, "Q1": true, "Q13": true, "C1": true}
	for name, want := range map[string]string{
		"TestCase_JW_01_Attacks":               "JW-01",
		"TestCase_JW_01":                       "JW-01",
		"TestCase_QT_01_Q1_Q13_Several":        "QT-01 Q1 Q13",
		"TestCase_C1_C5_AnotherInstance":       "C1 C5", // unknown ones of a top-level test too
		"TestCase_Attacks":                     "",
		"TestAttacks":                          "",
		"TestCase_JW_01_A/JW-03_valid":         "JW-03",
		"TestCase_JW_01_A/JW-03":               "JW-03",
		"TestCase_JW_01_A/JW-03_Q1_both":       "JW-03 Q1",
		"TestCase_JW_01_A/Q1_in_words":         "Q1",
		"TestCase_JW_01_A/A4_is_a_size":        "",
		"TestCase_JW_01_A/the_JW-03_row":       "",
		"TestCase_JW_01_A/JW-03_group/subtest": "",
		"TestCase_JW_01_A/#00":                 "",
	} {
		if got := strings.Join(ids(test{name: name}, known), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What go test -json says of a package, with a test that is skipped and a part
// of one.
const printed = `{"Action":"start","Package":"github.com/usermgmt/usermgmt/authn"}
{"Action":"run","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A"}
{"Action":"output","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A","Output":"    a_test.go:1: was here\n"}
{"Action":"pass","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A/JW-03_part","Elapsed":0.1}
{"Action":"skip","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A/JW-05_file"}
{"Action":"pass","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A"}
{"Action":"skip","Package":"github.com/usermgmt/usermgmt","Test":"TestCase_Q1_B"}
{"Action":"pass","Package":"github.com/usermgmt/usermgmt/authn"}
`

func TestReadEvents(t *testing.T) {
	t.Parallel()
	got, err := readEvents(strings.NewReader(printed))
	passed := []test{{"authn", "TestCase_JW_01_A/JW-03_part"}, {"authn", "TestCase_JW_01_A"}}
	skipped := []test{{"authn", "TestCase_JW_01_A/JW-05_file"}, {"", "TestCase_Q1_B"}}
	if err != nil || !slices.Equal(got.passed, passed) || !slices.Equal(got.skipped, skipped) {
		t.Errorf("%+v, %v", got, err)
	}
	for failed, want := range map[string]string{
		strings.Replace(printed, `"pass","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A"}`, `"fail","Package":"github.com/usermgmt/usermgmt/authn","Test":"TestCase_JW_01_A"}`, 1): "was here",
		`{"Action":"build-output","ImportPath":"github.com/usermgmt/usermgmt/authz","Output":"undefined: x\n"}` + "\n" +
			`{"Action":"build-fail","ImportPath":"github.com/usermgmt/usermgmt/authz"}`: "undefined: x",
		printed + `{"Action":`: "reading go test -json",
	} {
		if _, err := readEvents(strings.NewReader(failed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

func TestCover(t *testing.T) {
	t.Parallel()
	cases := []entry{{title: "Tokens"}, {id: "JW-01", title: "forged"}, {id: "JW-03", title: "vectors"}, {"Q1", "act", "needs credits"}}
	passed := []test{
		{"authn", "TestCase_JW_01_B"}, {"authn", "TestCase_JW_01_A"}, {"authn", "TestCase_JW_01_A/JW-03_x"}, {"authn", "TestCase_JW_01_A/JW-03_y"},
		{"", "TestCase_JW_01_C"}, {"authn", "TestCase_JW_01_A/JW-01_part"},
	}
	covered, err := cover(cases, passed)
	if err != nil {
		t.Fatal(err)
	}
	want := introduction + `
## Tokens

| id | what | tests |
|---|---|---|
| JW-01 | forged | usermgmt: ` + "`TestCase_JW_01_C`; authn: `TestCase_JW_01_A`, `TestCase_JW_01_B`" + ` |
| JW-03 | vectors | authn: ` + "`TestCase_JW_01_A`" + ` |
| Q1 | act | *needs credits* |
`
	if got := string(render(cases, covered)); got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
	slices.Reverse(passed)
	if again, _ := cover(cases, passed); string(render(cases, again)) != want {
		t.Error("the page goes by the order in which tests end")
	}

	for name, tests := range map[string][]test{
		"JW-03 has neither":           {{"authn", "TestCase_JW_01_B"}},
		"Q1 has a reason":             append(passed, test{"authn", "TestCase_Q1_D"}),
		"names Q9, which":             append(passed, test{"authn", "TestCase_Q9_D"}),
		"names JW-09, which":          append(passed, test{"authn", "TestCase_JW_01_A/JW-09_x"}),
		"TestCase_Tokens names no":    append(passed, test{"authn", "TestCase_Tokens"}),
		"JW-01 has neither a test th": nil,
	} {
		if _, err := cover(cases, tests); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want it to say %q", err, name)
		}
	}
}
