package account

import (
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

// The lengths of a user name.
const (
	minUsername = 3
	maxUsername = 32
)

// DefaultReserved returns the user names that nobody can register unless the
// host says otherwise: those that would speak for the service, and those that
// stand for nobody in addresses and logs.
func DefaultReserved() []string {
	return []string{
		"abuse", "account", "accounts", "admin", "administrator", "all", "anonymous", "api", "audit", "auth",
		"billing", "bot", "contact", "everyone", "guest", "health", "help", "helpdesk", "hostmaster", "info",
		"login", "logout", "mail", "moderator", "no-reply", "nobody", "noreply", "null", "official",
		"operator", "owner", "postmaster", "privacy", "register", "root", "sales", "security", "self",
		"service", "signin", "signup", "staff", "status", "superuser", "support", "sysadmin", "system",
		"undefined", "user", "username", "users", "webmaster", "www",
	}
}

// ParseUsername checks a user name and returns it as it is stored: in lower
// case. It has 3 to 32 of the characters a-z 0-9 . _ -, in any case; the first
// and last are letters or digits, no two separators stand together, and it is
// none of the reserved names, with or without separators. Anything beyond ASCII
// is refused, look-alikes with it. An error is store.ErrValidation and does not
// repeat the name.
func ParseUsername(s string, reserved ...string) (string, error) {
	if len(s) < minUsername {
		return "", store.Invalid("username", "too_short", "A user name has at least 3 characters.")
	}
	if len(s) > maxUsername {
		return "", store.Invalid("username", "too_long", "A user name has at most 32 characters.")
	}
	name := []byte(s)
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			name[i] = c + 'a' - 'A'
		case isLetterOrDigit(c):
		case !isSeparator(c):
			return "", store.Invalid("username", "characters", "A user name is made of the letters a-z, digits, dot, underscore and hyphen.")
		case i == 0 || i == len(name)-1 || isSeparator(name[i-1]):
			return "", store.Invalid("username", "separators", "A user name begins and ends with a letter or digit and has no two separators in a row.")
		}
	}
	if isReserved(string(name), reserved) {
		return "", store.Invalid("username", "reserved", "This user name is reserved. Choose another.")
	}
	return string(name), nil
}

func isLetterOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func isSeparator(c byte) bool { return c == '.' || c == '_' || c == '-' }

// isReserved leaves separators out, so that "ad.min" is "admin".
func isReserved(name string, reserved []string) bool {
	bare := withoutSeparators.Replace(name)
	return slices.ContainsFunc(reserved, func(r string) bool {
		return withoutSeparators.Replace(strings.ToLower(r)) == bare
	})
}

var withoutSeparators = strings.NewReplacer(".", "", "_", "", "-", "")
