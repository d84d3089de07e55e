package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestCommandLines(t *testing.T) {
	t.Setenv("USERMGMT_DATABASE_URL", "nowhere:x")
	for line, want := range map[string]struct {
		code     int
		out, err string
	}{
		"":                             {exitOK, "doctor     find out", ""},
		"-h":                           {exitOK, "doctor     find out", ""},
		"doctor":                       {exitOK, "quota      race processes", ""},
		"doctor quota -h":              {exitOK, "-callers callers", ""},
		"docter":                       {exitUsage, "", `usermgmt: there is no command "docter"`},
		"doctor quotas":                {exitUsage, "", `usermgmt doctor: there is no command "quotas"`},
		"doctor quota -colour":         {exitUsage, "", "flag provided but not defined: -colour"},
		"doctor quota now":             {exitUsage, "", "usermgmt doctor quota takes no arguments but flags"},
		"doctor quota -limit=0":        {exitUsage, "", "-limit must be from 1 to 9007199254740991"},
		"doctor quota -lease=1s":       {exitUsage, "", "-lease must be from 2s to 1h"},
		"audit":                        {exitOK, "verify     find what", ""},
		"audit verify -h":              {exitOK, "-from-anchor", ""},
		"audit verify all":             {exitUsage, "", "usermgmt audit verify takes no arguments but flags"},
		"audit anchor now":             {exitUsage, "", "usermgmt audit anchor takes no arguments but flags"},
		"audit verify":                 {exitWrong, "", "usermgmt audit verify: no driver serves the scheme"},
		"doctor quota":                 {exitWrong, "", "usermgmt doctor quota: no driver serves the scheme"},
		"doctor quota -database=sqlit": {exitWrong, "", "usermgmt doctor quota: no driver serves the scheme"},
	} {
		var out, errs bytes.Buffer
		tool := &tool{in: strings.NewReader(""), out: &out, err: &errs, open: openStore}
		code := tool.run(context.Background(), strings.Fields(line))
		if code != want.code || !strings.Contains(out.String(), want.out) || !strings.Contains(errs.String(), want.err) {
			t.Errorf("usermgmt %s: exit %d\n%s\n%s", line, code, &out, &errs)
		}
		if strings.Contains(out.String(), racerName) || (want.err == "") != (errs.Len() == 0) {
			t.Errorf("usermgmt %s says too much:\n%s\n%s", line, &out, &errs)
		}
	}
}

// A setting that cannot be read is named, and nothing is raced.
func TestSettingsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s := execute(t, []string{"USERMGMT_BCRYPT_COST=many"}, "doctor", "quota")
	if s.code != exitUsage || !strings.Contains(s.err, "USERMGMT_BCRYPT_COST must be a whole number") {
		t.Errorf("exit %d: %s", s.code, s.err)
	}
}
