package account_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func TestUsernames(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want, rule string }{
		{in: "bob", want: "bob"},
		{in: "Alice", want: "alice"},
		{in: "A.B_c-9", want: "a.b_c-9"},
		{in: "007", want: "007"},
		{in: strings.Repeat("a", 32), want: strings.Repeat("a", 32)},
		{in: "administrators", want: "administrators"},

		{in: "", rule: "too_short"},
		{in: "ab", rule: "too_short"},
		{in: strings.Repeat("a", 33), rule: "too_long"},
		{in: strings.Repeat("ä", 17), rule: "too_long"},
		{in: ".bob", rule: "separators"},
		{in: "bob-", rule: "separators"},
		{in: "b._ob", rule: "separators"},
		{in: "b..ob", rule: "separators"},
		{in: "---", rule: "separators"},
		{in: " bob", rule: "characters"},
		{in: "bob ", rule: "characters"},
		{in: "bo b", rule: "characters"},
		{in: "bob\n", rule: "characters"},
		{in: "bob\x00", rule: "characters"},
		{in: "bob@example.com", rule: "characters"},
		{in: "bøb", rule: "characters"},
		{in: "bob\u200d", rule: "characters"},
		{in: "\u0430lice", rule: "characters"}, // Cyrillic a
		{in: "ｂｏｂ", rule: "characters"},
		{in: "\u212aelvin", rule: "characters"}, // Kelvin sign, lower case k
		{in: "bob\xff", rule: "characters"},
		{in: "admin", rule: "reserved"},
		{in: "ROOT", rule: "reserved"},
		{in: "s.u.p.p.o.r.t", rule: "reserved"},
		{in: "no-reply", rule: "reserved"},
		{in: "no_reply", rule: "reserved"},
	}
	for _, tt := range tests {
		t.Run(strconv.Quote(tt.in), func(t *testing.T) {
			t.Parallel()
			got, err := account.ParseUsername(tt.in, account.DefaultReserved()...)
			if rule := broke(t, err, store.ErrValidation, "username", tt.in); got != tt.want || rule != tt.rule {
				t.Errorf("got %q, rule %q; want %q, rule %q", got, rule, tt.want, tt.rule)
			}
		})
	}
}

func TestReservedNamesAreTheHosts(t *testing.T) {
	t.Parallel()
	if _, err := account.ParseUsername("admin"); err != nil {
		t.Errorf("without a list: %v", err)
	}
	_, err := account.ParseUsername("acme", "Ac-me")
	if rule := broke(t, err, store.ErrValidation, "username", ""); rule != "reserved" {
		t.Errorf("rule %q", rule)
	}
}

// Every character that looks like an ASCII one, or becomes one by folding, is
// refused in place of it.
func TestLookAlikesAreRefused(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"confusables/confusables_to_ascii.tsv", "confusables/case_and_nfkc_collisions.tsv"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			tried := 0
			for _, line := range vectorLines(t, file)[1:] {
				char := strings.Split(line, "\t")[1]
				if strings.Trim(char, asciiText) == "" {
					continue // ASCII that looks like ASCII, as 1 and l
				}
				tried++
				if name, err := account.ParseUsername("bob" + char + "bob"); err == nil {
					t.Errorf("%+q was taken as %q", char, name)
				}
			}
			if tried < 100 {
				t.Errorf("only %d rows", tried)
			}
		})
	}
}

const asciiText = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func FuzzParseUsername(f *testing.F) {
	for _, s := range []string{"bob", "A.B_c-9", "a..b", "admin", "bøb", "\x00\x00\x00"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^[a-z0-9]([._-]?[a-z0-9])*$`)
	f.Fuzz(func(t *testing.T, s string) {
		name, err := account.ParseUsername(s, "admin")
		if err != nil {
			broke(t, err, store.ErrValidation, "username", s)
			return
		}
		if len(name) < 3 || len(name) > 32 || !form.MatchString(name) || name != strings.ToLower(s) {
			t.Errorf("%q was taken as %q", s, name)
		}
		if again, err := account.ParseUsername(name, "admin"); err != nil || again != name {
			t.Errorf("%q does not parse as itself: %q, %v", name, again, err)
		}
	})
}
