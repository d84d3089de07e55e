package account

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/usermgmt/usermgmt/account/commonpasswords"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const (
	defaultMinPassword  = 8
	minOperatorPassword = 15
	maxPassword         = 128
)

// PasswordPolicy says which passwords an account may have. It follows NIST SP
// 800-63B: length and a list of what everybody tries first, no rules of
// composition. The zero value is usable.
type PasswordPolicy struct {
	MinLength int    // code points; 0 means 8
	Brand     string // the host's name, refused as a password; may be empty
}

// ForOperators is the policy for the passwords of admins and support staff: at
// least 15 characters.
func (p PasswordPolicy) ForOperators() PasswordPolicy {
	p.MinLength = max(p.MinLength, minOperatorPassword)
	return p
}

// Check allows a password for an account. It has MinLength to 128 code points
// after NFKC, at most 1 KiB, no NUL, and as a whole it is none of the common
// passwords, the user name, the e-mail address or its local part, or the brand,
// in any case, forwards or backwards. A password that merely contains one of
// these passes. What may not be a password at all is store.ErrValidation, a weak
// one store.ErrWeakPassword; both name the rule in Fields and never the
// password.
func (p PasswordPolicy) Check(password, username, email string) error {
	if err := checkPasswordForm(password); err != nil {
		return err
	}
	normal := norm.NFKC.String(password)
	length := utf8.RuneCountInString(normal)
	if length > maxPassword {
		return passwordTooLong()
	}
	if length < cmp.Or(p.MinLength, defaultMinPassword) {
		return weakPassword("too_short", "The password is too short.")
	}
	forwards := strings.ToLower(normal)
	backwards := reversed(forwards)
	if commonpasswords.Contains(forwards) || commonpasswords.Contains(backwards) {
		return weakPassword("too_common", "The password is too common: it is on the lists that attackers try first.")
	}
	local, _, _ := strings.Cut(email, "@")
	for _, known := range []string{username, email, local, p.Brand} {
		known = strings.ToLower(norm.NFKC.String(known))
		if known == forwards || known == backwards {
			return weakPassword("too_similar", "The password is too similar to the user name, the e-mail address or the name of the service.")
		}
	}
	return nil
}

// checkPasswordForm refuses what is no password whatever the policy, before any
// work is spent on it.
func checkPasswordForm(password string) error {
	switch {
	case len(password) > authn.MaxPasswordBytes:
		return passwordTooLong()
	case !utf8.ValidString(password):
		return store.Invalid("password", "utf8", "The password is not valid UTF-8.")
	case strings.ContainsRune(password, 0):
		return store.Invalid("password", "characters", "The password holds a NUL character.")
	}
	return nil
}

func passwordTooLong() error {
	return store.Invalid("password", "too_long", "A password has at most 128 characters and 1024 bytes.")
}

func weakPassword(rule, message string) error {
	return &store.Error{
		Code:   store.ErrWeakPassword,
		Detail: message + " Choose another.",
		Fields: []store.FieldError{{Field: "password", Rule: rule, Message: message}},
	}
}

func reversed(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}
