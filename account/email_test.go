package account_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func TestEmails(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60)
	tests := []struct{ in, key string }{
		{in: "a@example.com", key: "a@example.com"},
		{in: "First.Last+tag@Example.COM", key: "first.last+tag@example.com"},
		{in: "o'brien/x=y@example.com", key: "o'brien/x=y@example.com"},
		{in: "user@bücher.example", key: "user@xn--bcher-kva.example"},
		{in: "user@BÜCHER.example", key: "user@xn--bcher-kva.example"},
		{in: "user@xn--bcher-kva.example", key: "user@xn--bcher-kva.example"},
		{in: "user@ｅｘａｍｐｌｅ。com", key: "user@example.com"},
		{in: "user@x.com.", key: "user@x.com"},
		{in: strings.Repeat("l", 64) + "@example.com", key: strings.Repeat("l", 64) + "@example.com"},
		{in: "aaaaaa@" + long + "." + long[:63-3] + ".de", key: "aaaaaa@" + long + "." + long[:63-3] + ".de"},

		{in: ""},
		{in: "@"},
		{in: "user"},
		{in: "user@"},
		{in: "@example.com"},
		{in: "user@localhost"},
		{in: "user@example.com.."},
		{in: " user@example.com"},
		{in: "user@example.com "},
		{in: "user@example.com\n"},
		{in: "user@example.com\r\nBcc: other@example.com"},
		{in: "user\x00@example.com"},
		{in: "user@exam\tple.com"},
		{in: "user@exam\u00adple.com"},   // soft hyphen: nobody sees it
		{in: "user\u200b@example.com"},   // zero width space
		{in: "us\u202eer@example.com"},   // right-to-left override
		{in: "u\u0455er@example.com"},    // Cyrillic s in the local part
		{in: "user@example.com, b@x.de"}, // two
		{in: "User <user@example.com>"},
		{in: "<user@example.com>"},
		{in: `"user"@example.com`},
		{in: `"a b"@example.com`},
		{in: "user(comment)@example.com"},
		{in: "user@[192.0.2.1]"},
		{in: "user@192.0.2.1"},
		{in: "user@-example.com"},
		{in: "user@example-.com"},
		{in: "user@exa_mple.com"},
		{in: "user@example.com\xff"},
		{in: strings.Repeat("l", 65) + "@example.com"},
		{in: "a@" + strings.Repeat("d", 64) + ".com"},
		{in: "aaaaaaaa@" + long + "." + long[:63] + ".de"},
	}
	for _, tt := range tests {
		t.Run(strconv.Quote(tt.in), func(t *testing.T) {
			t.Parallel()
			got, err := account.ParseEmail(tt.in)
			broke(t, err, store.ErrValidation, "email", tt.in)
			if got.Key != tt.key {
				t.Errorf("key %q, want %q", got.Key, tt.key)
			}
			if err == nil && got.Stored != tt.in {
				t.Errorf("stored as %q", got.Stored)
			}
		})
	}
}

// The verdicts of the isemail collection, which asks only what the grammars
// allow, turned into ours: plain mailboxes at dotted names.
func TestEmailsOfTheCollection(t *testing.T) {
	t.Parallel()
	var rows []struct{ ID, Address, Category, Diagnosis string }
	if err := json.Unmarshal(vectors(t, "email/isemail_tests.json"), &rows); err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{ // where we decide otherwise
		"test@io":                              false, // no dot
		"test@iana.org.":                       true,  // the final dot of a full domain name
		"test@iana.123":                        false,
		"test@255.255.255.255":                 false,
		"test@c--n.com":                        true,
		"test@iana.org-":                       false,
		"!#$%&`*+/=?^`{|}~@iana.org":           true,
		"xn--test@iana.org":                    true,
		"test@nominet.org.uk":                  true,
		"test@xn--hxajbheg2az3al.xn--jxalpdlp": true,
	}
	for _, row := range rows {
		want, decided := ours[row.Address]
		if !decided {
			// A domain without records is well formed all the same.
			want = row.Category == "ISEMAIL_VALID_CATEGORY" || row.Category == "ISEMAIL_DNSWARN"
		}
		if _, err := account.ParseEmail(row.Address); (err == nil) != want {
			t.Errorf("%s: %q (%s): %v", row.ID, row.Address, row.Diagnosis, err)
		}
	}
}

func TestCase_RC_11_OneAddressHasOneKey(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"user@x.com", "USER@X.COM", "user@X.com.", "User@x.Com."} {
		if e, err := account.ParseEmail(s); err != nil || e.Key != "user@x.com" || e.Stored != s {
			t.Errorf("%q: %+v, %v", s, e, err)
		}
	}
	for _, s := range []string{" user@x.com", "user@x.com ", "\tuser@x.com"} {
		if _, err := account.ParseEmail(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"a@example.com", "user@bücher.example", "user@x.com.", `"a b"@x.de`, "a@[1.2.3.4]", "a@x.de\r\nTo: b@x.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := account.ParseEmail(s)
		if err != nil {
			broke(t, err, store.ErrValidation, "email", s)
			return
		}
		if e.Stored != s || len(s) > 254 || strings.ContainsAny(s, " \r\n\t\x00<>\"(),;:") {
			t.Errorf("%q was taken as %+v", s, e)
		}
		if strings.Trim(e.Key, asciiText) != "" || e.Key != strings.ToLower(e.Key) || strings.Count(e.Key, "@") != 1 {
			t.Errorf("%q has the key %q", s, e.Key)
		}
		if again, err := account.ParseEmail(e.Key); err != nil || again.Key != e.Key {
			t.Errorf("the key %q does not parse as itself: %+v, %v", e.Key, again, err)
		}
	})
}
