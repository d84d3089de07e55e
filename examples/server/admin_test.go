package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The password of the first admin is made up, printed once in the life of the
// database, and not by the logger.
func TestTheFirstAdminIsShownOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	p.terminate()
	said := regexp.MustCompile(`(?m)^The first admin is admin with the password (\S{20,}) `).FindAllStringSubmatch(p.output.String(), -1)
	if len(said) != 1 || strings.Count(p.output.String(), said[0][1]) != 1 {
		t.Fatalf("%s", p.output)
	}
	password := said[0][1]

	again := start(t, dir)
	status, body, err := again.post(t.Context(), "/admin/login", "none", fmt.Sprintf(`{"username":"admin","password":%q}`, password))
	if err != nil || status != 200 || !strings.Contains(body, `"permissions":["owner"]`) {
		t.Errorf("signing in: %d %s %v", status, body, err)
	}
	again.terminate()
	if strings.Contains(again.output.String(), "password") {
		t.Errorf("a second start says more:\n%s", again.output)
	}
}

func TestTheFirstAdminOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const password = "a long way down the river"
	p := start(t, t.TempDir(), "USERMGMT_ADMIN_USERNAME=root", "USERMGMT_ADMIN_PASSWORD="+password)
	status, body, err := p.post(t.Context(), "/admin/login", "none", `{"username":"root","password":"`+password+`"}`)
	if err != nil || status != 200 {
		t.Errorf("signing in: %d %s %v", status, body, err)
	}
	p.terminate()
	if strings.Contains(p.output.String(), password) {
		t.Errorf("the password is shown:\n%s", p.output)
	}
}
