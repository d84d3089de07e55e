package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/middleware"
)

// badOrigin is all that the error may say: nothing of the text.
var badOrigin = regexp.MustCompile(`^entry [0-9]+: (not an origin such as https://app\.example\.com|an origin has no port where it is the scheme's own)$`)

// FuzzParseOrigins takes only what a browser could send: made of its parts
// again it is the same, and CORS answers to it alone.
func FuzzParseOrigins(f *testing.F) {
	for _, s := range []string{
		"", "https://a.example, http://localhost:3000", "https://[::1]:8443", "*", "null", "https://a.example:443", "https://a.example,",
		"https://A.example", "https://a.example/", "https://a.example?", "https://a.example#", "https://u@a.example", "https://a%2eexample", "https://[fe80::1%25eth0]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		origins, err := middleware.ParseOrigins(s)
		if err != nil {
			if !badOrigin.MatchString(err.Error()) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if again, err := middleware.ParseOrigins(strings.Join(origins, ",")); err != nil || !slices.Equal(again, origins) {
			t.Errorf("%q is %q, and read again %q, %v", s, origins, again, err)
		}
		cors := middleware.CORS(middleware.CORSConfig{Origins: origins})(&handler{})
		for _, origin := range origins {
			u, err := url.Parse(origin)
			if err != nil || (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() != origin || u.Hostname() == "" {
				t.Errorf("%q is taken for an origin: %v", origin, err)
			}
			for _, asked := range []string{origin, origin + ".evil", strings.ToUpper(origin), "null"} {
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Origin", asked)
				if got := serve(cors, r).Header().Get("Access-Control-Allow-Origin"); got != "" && !slices.Contains(origins, got) {
					t.Errorf("%q is answered %q", asked, got)
				}
			}
		}
	})
}

// FuzzParseTrustedProxies agrees with ParsePrefixes on all but the word unix and
// the networks of all addresses.
func FuzzParseTrustedProxies(f *testing.F) {
	for _, s := range []string{"", "unix", "unix, 10.0.0.0/8", "0.0.0.0/0", "::/0", "::ffff:0:0/96", "10.0.0.0/8,,", "UNIX"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		proxies, err := middleware.ParseTrustedProxies(s)
		var rest []string
		for entry := range strings.SplitSeq(s, ",") {
			if strings.TrimSpace(entry) != "unix" {
				rest = append(rest, entry)
			}
		}
		prefixes, errPrefixes := middleware.ParsePrefixes(strings.Join(rest, ","))
		if err != nil {
			if errPrefixes == nil && len(rest) > 0 && !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Bits() == 0 }) &&
				strings.TrimSpace(strings.Join(rest, ",")) != "" {
				t.Errorf("%q is refused: %v", s, err)
			}
			return
		}
		if errPrefixes != nil || !slices.Equal(proxies.Prefixes, prefixes) || proxies.Validate() != nil {
			t.Errorf("%q: proxies %v, networks %v, %v", s, proxies.Prefixes, prefixes, errPrefixes)
		}
		middleware.ResolveClientIP(proxies) // panics at what it would not take
	})
}

// FuzzQueryCredentials refuses every query in which any reader would find a
// credential.
func FuzzQueryCredentials(f *testing.F) {
	for _, s := range []string{
		"access_token=x", "a=b&API_KEY=x", "%61ccess_token=x", "access%5Ftoken", "a;access_token=x", "access_token;a=x", "&&access_token", "+access_token=x",
		"access_token%00=x", "acceſs_token=x", "api_Key", "=access_token", "%zz&access_token=1", "access_token%=1",
	} {
		f.Add(s)
	}
	guarded := middleware.NoQueryCredentials()
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		carries := func(q url.Values) bool {
			for name := range q {
				if name == "access_token" || name == "api_key" {
					return true
				}
			}
			return false
		}
		var h handler
		w := serve(guarded(&h), r)
		if carries(r.URL.Query()) && (h.calls != 0 || w.Code != http.StatusBadRequest) {
			t.Errorf("%q reaches the handler", query)
		}
		if h.calls == 0 && !strings.Contains(w.Body.String(), `"invalid_request"`) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}

var wellFormedID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// FuzzRequestID keeps what is well-formed and replaces the rest.
func FuzzRequestID(f *testing.F) {
	for _, s := range []string{"", "a", "a b", "a\r\nb", strings.Repeat("a", 129), "é", "0198c2f4-8d4e-7b3a-9c55-1f2e3d4c5b6a", "\x00"} {
		f.Add(s)
	}
	assigned := middleware.AssignRequestID()
	f.Fuzz(func(t *testing.T, id string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{id}
		var h handler
		got := serve(assigned(&h), r).Header().Get("X-Request-ID")
		if kept := got == id; kept != wellFormedID.MatchString(id) || !kept && !ids.Is(ids.Request, got) {
			t.Errorf("%q became %q", id, got)
		}
		if inner := middleware.RequestID(h.seen.Context()); inner != got {
			t.Errorf("inside it is %q, outside %q", inner, got)
		}
	})
}
