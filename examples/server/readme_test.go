package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The tour of the README works as it is pasted.
func TestTheTourOfTheReadme(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing: apt-get install %s", tool, tool)
			}
			t.Skipf("the tour needs %s: apt-get install %s", tool, tool)
		}
	}
	const password = "a long way down the river"
	p := start(t, t.TempDir(), "USERMGMT_ADMIN_PASSWORD="+password)
	script := strings.NewReplacer("http://127.0.0.1:8080", p.url, "='...'", "='"+password+"'").Replace(block(t, "api=http"))
	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("the tour broke off: %v\n%s", err, out)
	}
	for _, want := range []string{
		`"username":"alice`, `"reply":"You said: hello there"`, `data: {"delta":"You "}`, `event: done`,
		`"status":"settled","settled":42`, `"meter":"conversations"`, `"role":"assistant"`, `"reply":"You said: by key"`, `"code":"invalid_token"`,
		`"level":3`, `"kind":"grant","amount":5000000,"balance_after":5000000`, `"code":"ceiling_exceeded"`,
		`"credits":{"balance":5000000,"reserved":0}}`, `"valid":true`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour did not print %s:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "too late\"") {
		t.Error("the revoked key was still served")
	}
}

// block returns the shell block of the README that holds a text.
func block(t *testing.T, text string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(readme), "```sh\n")[1:] {
		script, _, _ := strings.Cut(part, "```")
		if strings.Contains(script, text) {
			return script
		}
	}
	t.Fatalf("the README has no shell block with %q", text)
	return ""
}
