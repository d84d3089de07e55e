package account_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	const user, email = "zebedee.quux", "Bartholomew.Q@example.com"
	tests := []struct {
		name, password string
		min            int
		code           store.Code
		rule           string
	}{
		{name: "PW-01 seven code points", password: "xk7#Qz!", code: store.ErrWeakPassword, rule: "too_short"},
		{name: "PW-01 eight code points", password: "xk7#Qz!w"},
		{name: "PW-01 64 code points", password: strings.Repeat("xk7#Qz!w", 8)},
		{name: "PW-01 128 code points", password: strings.Repeat("xk7#Qz!w", 16)},
		{name: "129 code points", password: strings.Repeat("xk7#Qz!w", 16) + "x", code: store.ErrValidation, rule: "too_long"},
		{name: "empty", password: "", code: store.ErrWeakPassword, rule: "too_short"},
		{name: "14 of 15", password: "xk7#Qz!wxk7#Qz", min: 15, code: store.ErrWeakPassword, rule: "too_short"},
		{name: "15 of 15", password: "xk7#Qz!wxk7#Qz!", min: 15},
		{name: "eight code points of 32 bytes", password: "🦊🐙🦉🐳🦔🐝🦋🐞"},
		{name: "eight that NFKC makes seven", password: "xk7#Qze\u0301", code: store.ErrWeakPassword, rule: "too_short"},
		{name: "43 that NFKC makes 129", password: strings.Repeat("\u33c2", 40) + "zzzzzzzzz", code: store.ErrValidation, rule: "too_long"},
		{name: "over 1 KiB", password: strings.Repeat("🦊", 257), code: store.ErrValidation, rule: "too_long"},
		{name: "NUL", password: "xk7#\x00Qz!w", code: store.ErrValidation, rule: "characters"},
		{name: "broken UTF-8", password: "xk7#Qz!w\xff", code: store.ErrValidation, rule: "utf8"},
		{name: "spaces", password: "a b c d e f"},

		{name: "PW-03 common", password: "password1", code: store.ErrWeakPassword, rule: "too_common"},
		{name: "PW-03 common in another case", password: "PassWord1", code: store.ErrWeakPassword, rule: "too_common"},
		{name: "PW-03 common backwards", password: "1drowssap", code: store.ErrWeakPassword, rule: "too_common"},
		{name: "PW-03 common in wide letters", password: "ｐａｓｓｗｏｒｄ１", code: store.ErrWeakPassword, rule: "too_common"},
		{name: "PW-03 common inside is allowed", password: "correct-horse-password123"},

		{name: "user name", password: "Zebedee.Quux", code: store.ErrWeakPassword, rule: "too_similar"},
		{name: "user name backwards", password: "xuuq.eedebez", code: store.ErrWeakPassword, rule: "too_similar"},
		{name: "user name inside is allowed", password: "zebedee.quux-of-the-hill"},
		{name: "local part", password: "bartholomew.q", code: store.ErrWeakPassword, rule: "too_similar"},
		{name: "whole address", password: "bartholomew.q@example.com", code: store.ErrWeakPassword, rule: "too_similar"},
		{name: "brand", password: "AcmeRockets", code: store.ErrWeakPassword, rule: "too_similar"},
		{name: "brand backwards", password: "stekcoRemcA", code: store.ErrWeakPassword, rule: "too_similar"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policy := account.PasswordPolicy{MinLength: tt.min, Brand: "acmerockets"}
			err := policy.Check(tt.password, user, email)
			if rule := broke(t, err, tt.code, "password", tt.password); rule != tt.rule {
				t.Errorf("rule %q, want %q", rule, tt.rule)
			}
		})
	}
}

// An account without an e-mail address and a host without a brand restrict
// nothing by it.
func TestPasswordsWithoutContext(t *testing.T) {
	t.Parallel()
	if err := (account.PasswordPolicy{}).Check("xk7#Qz!w", "", ""); err != nil {
		t.Error(err)
	}
}

func TestCase_PW_03_CommonPasswords(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"passwords/top10000.txt", "passwords/top100000.txt"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			tried := 0
			for _, password := range vectorLines(t, file) {
				err := account.PasswordPolicy{}.Check(password, "wilhelmina", "")
				if !errors.Is(err, store.ErrWeakPassword) {
					t.Fatalf("%q: %v", password, err)
				}
				if rule := broke(t, err, store.ErrWeakPassword, "password", ""); len(password) >= 8 {
					tried++
					if rule != "too_common" {
						t.Errorf("%q breaks %q", password, rule)
					}
				}
			}
			if tried < 3000 {
				t.Errorf("only %d passwords", tried)
			}
		})
	}
}
