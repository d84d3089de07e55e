package change

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

const maxReason = 500 // characters

// CheckReason asks for the reason of a change to somebody else's account: none, or
// one without a letter or a digit to be seen, is ErrReasonRequired, one of more
// than 500 characters ErrValidation.
func CheckReason(reason string) error {
	switch {
	case !strings.ContainsFunc(reason, says):
		return store.Errorf(store.ErrReasonRequired, "Say why: the reason goes into the audit trail.")
	case !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReason:
		return store.Invalid("reason", "too_long", "A reason has at most 500 characters.")
	}
	return nil
}

// says reports a character that can say something: some letters look like
// nothing.
func says(r rune) bool {
	return unicode.IsOneOf([]*unicode.RangeTable{unicode.L, unicode.N}, r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
