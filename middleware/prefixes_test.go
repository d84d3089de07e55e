package middleware_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/middleware"
)

func TestParsePrefixes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want []string // nil: an error
	}{
		{"", []string{}},
		{"  ", []string{}},
		{"10.0.0.0/8", []string{"10.0.0.0/8"}},
		{"10.0.0.5/8", []string{"10.0.0.0/8"}},
		{" 192.0.2.7 ,2001:db8::/32", []string{"192.0.2.7/32", "2001:db8::/32"}},
		{"::1", []string{"::1/128"}},
		{"::ffff:10.0.0.0/104", []string{"10.0.0.0/8"}},
		{"::ffff:10.0.0.1", []string{"10.0.0.1/32"}},
		{"0.0.0.0/0,::/0", []string{"0.0.0.0/0", "::/0"}},
		{"::ffff:0:0/64", nil},
		{"10.0.0.0/33", nil},
		{"fe80::1%eth0/64", nil},
		{"fe80::1%eth0", nil},
		{"10.0.0.0/8,,::1", nil},
		{"10.0.0.0/8,", nil},
		{"010.0.0.1", nil},
		{"localhost", nil},
		{"10.0.0.0/08", nil},
		{"unix", nil},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			prefixes, err := middleware.ParsePrefixes(tt.in)
			if tt.want == nil {
				if err == nil {
					t.Errorf("got %v, want an error", prefixes)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, p := range prefixes {
				got = append(got, p.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseErrorsNameThePositionOnly(t *testing.T) {
	t.Parallel()
	parsers := map[string]func(string) error{
		"networks": func(s string) error { _, err := middleware.ParsePrefixes(s); return err },
		"proxies":  func(s string) error { _, err := middleware.ParseTrustedProxies(s); return err },
	}
	for name, parse := range parsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parse("10.0.0.0/8, s3cret")
			if err == nil || !strings.Contains(err.Error(), "entry 2") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func FuzzParsePrefixes(f *testing.F) {
	for _, s := range []string{"", "10.0.0.0/8, ::1", "::ffff:1.2.3.4/120", "fe80::1%eth0/64", "1.2.3.4/-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		prefixes, err := middleware.ParsePrefixes(s)
		if err != nil {
			return
		}
		for _, p := range prefixes {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
				t.Errorf("ParsePrefixes(%q) has %v", s, p)
			}
		}
	})
}
