package account

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/usermgmt/usermgmt/store"
)

// The lengths of an address (RFC 5321, 4.5.3.1; RFC 3696, erratum 1690).
const (
	maxEmail     = 254
	maxLocalPart = 64
)

// Email is one e-mail address.
type Email struct {
	Stored string // as typed: where mail goes
	Key    string // lower case, the domain in ASCII without a final dot: what is unique
}

// ParseEmail checks one address: the plain mailbox of RFC 5321, an ASCII
// dot-atom at a dotted domain name, of at most 254 bytes. Display names,
// comments, quoted local parts, address literals, surrounding space and
// everything that cannot be printed are refused. Domain names in other scripts
// are folded to ASCII (IDNA 2008, UTS #46) in the key. An error is
// store.ErrValidation and does not repeat the address.
func ParseEmail(s string) (Email, error) {
	if len(s) > maxEmail {
		return Email{}, store.Invalid("email", "too_long", "An e-mail address has at most 254 bytes.")
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return Email{}, invalidEmail()
	}
	bare := strings.TrimSuffix(s, ".")
	// The parser knows the whole grammar; what it had to interpret comes back
	// different from what it was given.
	addr, err := mail.ParseAddress(bare)
	if err != nil || addr.Name != "" || addr.Address != bare {
		return Email{}, invalidEmail()
	}
	at := strings.LastIndexByte(bare, '@')
	local, domain := bare[:at], bare[at+1:]
	if len(local) > maxLocalPart || strings.ContainsFunc(local, notAtomText) {
		return Email{}, invalidEmail()
	}
	ascii, ok := asciiDomain(domain)
	if !ok || len(local)+1+len(ascii) > maxEmail {
		return Email{}, invalidEmail()
	}
	return Email{Stored: s, Key: strings.ToLower(local) + "@" + ascii}, nil
}

func unprintable(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

// notAtomText reports what only a quoted local part may hold. The dots are
// where they belong: the address parser has seen to that.
func notAtomText(r rune) bool {
	return r > unicode.MaxASCII || strings.ContainsRune(`"(),:;<>@[\]`, r)
}

// asciiDomain folds a domain name to lower-case ASCII. It needs a dot and a
// last label that is no number, so that neither bare host names nor IPv4
// addresses pass.
func asciiDomain(domain string) (string, bool) {
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	ascii, err := profile.ToASCII(domain)
	if err != nil {
		return "", false
	}
	dot := strings.LastIndexByte(ascii, '.')
	if dot < 0 || strings.Trim(ascii[dot+1:], "0123456789") == "" {
		return "", false
	}
	return ascii, true
}

func invalidEmail() error {
	return store.Invalid("email", "format", "This is not an e-mail address of the form name@example.com.")
}
