package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORSConfig says which web pages of other origins may read answers. The zero value
// admits none.
type CORSConfig struct {
	// Origins are exact, as browsers send them: https://app.example.com, with
	// a port only where it is not the scheme's. There are no wildcards. See
	// ParseOrigins.
	Origins []string

	// Credentials lets pages of those origins send cookies.
	Credentials bool

	// Methods and Headers are what a page may use; nil means GET, HEAD, POST,
	// PUT, PATCH and DELETE, and the headers this module reads.
	Methods []string
	Headers []string

	// Exposed are the answer's headers a page may read; nil means those this
	// module sets.
	Exposed []string

	// MaxAge is how long a browser keeps the answer to a preflight: 0 means
	// 10 minutes, negative means not at all.
	MaxAge time.Duration
}

// ParseOrigins reads a comma-separated list of origins. An origin is a scheme
// (http or https), a host and perhaps a port, in lower case and ASCII, and nothing
// else: "*", "null", a path or a trailing slash is an error that names the
// element's position.
func ParseOrigins(csv string) ([]string, error) {
	if strings.TrimSpace(csv) == "" {
		return nil, nil
	}
	var origins []string
	for i, entry := range strings.Split(csv, ",") {
		entry = strings.TrimSpace(entry)
		if err := checkOrigin(entry); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		origins = append(origins, entry)
	}
	return origins, nil
}

// checkOrigin accepts only what a browser would send, since it is compared
// byte by byte.
func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" ||
		s != u.Scheme+"://"+u.Host || strings.ContainsFunc(s, notInOrigin) {
		return errors.New("not an origin such as https://app.example.com")
	}
	if port := u.Port(); strings.HasSuffix(s, ":") || port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		return errors.New("an origin has no port where it is the scheme's own")
	}
	return nil
}

// notInOrigin reports what browsers write in another way: capitals in lower
// case, and names of other alphabets in ASCII (RFC 6454 section 6.2).
func notInOrigin(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:/[]", c)
}

// CORS lets pages of the listed origins read answers. The request's Origin
// is compared whole and echoed only when it is listed; "*" is never sent, and
// every answer varies by Origin so that no cache mixes them up. A preflight is
// answered here with 204, without any permission for an origin that is not
// listed. Without origins there are no preflights to answer, and OPTIONS
// reaches next.
//
// It forbids nothing by itself: a page of another origin can still send simple
// requests, it just cannot read the answers. It panics when an origin is not
// one.
func CORS(cors CORSConfig) func(http.Handler) http.Handler {
	for i, origin := range cors.Origins {
		if err := checkOrigin(origin); err != nil {
			panic(fmt.Sprintf("middleware.CORS: origin %d: %v", i+1, err))
		}
	}
	p := newCORSPolicy(cors)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Origin")
			origin := r.Header.Get("Origin")
			if origin == "" || len(p.origins) == 0 {
				next.ServeHTTP(w, r)
				return
			}
			listed := slices.Contains(p.origins, origin)
			if isPreflight(r) {
				p.preflight(w.Header(), origin, listed)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			if listed {
				p.admit(w.Header(), origin)
				w.Header().Set("Access-Control-Expose-Headers", p.exposed)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// corsPolicy is a CORSConfig with its header values made.
type corsPolicy struct {
	origins                           []string
	credentials                       bool
	methods, headers, exposed, maxAge string
}

func newCORSPolicy(c CORSConfig) corsPolicy {
	list := func(given []string, otherwise ...string) string {
		if given == nil {
			given = otherwise
		}
		return strings.Join(given, ", ")
	}
	maxAge := max(0, cmp.Or(c.MaxAge, 10*time.Minute))
	return corsPolicy{
		origins:     slices.Clone(c.Origins),
		credentials: c.Credentials,
		methods:     list(c.Methods, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
		headers:     list(c.Headers, "Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "Idempotency-Key"),
		exposed:     list(c.Exposed, "X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotent-Replayed", "WWW-Authenticate"),
		maxAge:      strconv.FormatInt(int64(maxAge.Seconds()), 10),
	}
}

// isPreflight reports whether r is a browser asking before the real request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

func (p *corsPolicy) preflight(h http.Header, origin string, listed bool) {
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	if !listed {
		return
	}
	p.admit(h, origin)
	h.Set("Access-Control-Allow-Methods", p.methods)
	h.Set("Access-Control-Allow-Headers", p.headers)
	h.Set("Access-Control-Max-Age", p.maxAge)
}

func (p *corsPolicy) admit(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	if p.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
