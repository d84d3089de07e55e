package middleware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/network"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

const refused = "refused"

// clientOf returns the client's address that the middleware finds, or refused.
func clientOf(t *testing.T, trusted middleware.TrustedProxies, remote string, header http.Header) string {
	t.Helper()
	var h handler
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = remote
	r.Header = header
	w := serve(chain(&h, middleware.ResolveClientIP(trusted)), r)
	if h.calls == 0 {
		wantProblem(t, w, http.StatusBadRequest, store.ErrInvalidRequest)
		return refused
	}
	if h.seen.RemoteAddr != remote {
		t.Errorf("RemoteAddr became %q", h.seen.RemoteAddr)
	}
	return middleware.ClientIP(h.seen.Context()).String()
}

func xff(lines ...string) http.Header { return http.Header{"X-Forwarded-For": lines} }

func TestCase_IP_01_S1_ClientIP(t *testing.T) {
	t.Parallel()
	hops := strings.Repeat("1.1.1.1, ", 10_000)
	tests := []struct {
		name, trusted, remote string
		xff                   []string
		want                  string
	}{
		{"nobody trusted", "", "203.0.113.9:1", []string{"3.3.3.3"}, "203.0.113.9"},
		{"loopback claimed", "", "9.9.9.9:1", []string{"127.0.0.1"}, "9.9.9.9"},
		{"untrusted peer", "10.0.0.0/8", "9.9.9.9:1", []string{"1.2.3.4, 10.0.0.1"}, "9.9.9.9"},
		{"untrusted peer with garbage", "10.0.0.0/8", "9.9.9.9:1", []string{"<garbage>"}, "9.9.9.9"},
		{"zone of a peer stays", "10.0.0.0/8", "[fe80::1%eth0]:9999", []string{"1.2.3.4"}, "fe80::1%eth0"},
		{"zone of a trusted peer", "fe80::/10", "[fe80::1%eth0]:9999", []string{"1.2.3.4"}, "1.2.3.4"},
		{"zone in the header goes", "10.0.0.0/8", "10.0.0.5:80", []string{"fe80::1%eth0"}, "fe80::1"},
		{"zone cannot alias a proxy", "fe80::/10", "[fe80::5]:80", []string{"3.3.3.3, fe80::1%x"}, "3.3.3.3"},
		{"trusted peer", "10.0.0.0/8", "10.0.0.5:80", []string{"3.3.3.3, 10.0.0.1"}, "3.3.3.3"},
		{"single address trusted", "10.0.0.5", "10.0.0.5:80", []string{"3.3.3.3, 10.0.0.1"}, "10.0.0.1"},
		{"lines are one list", "10.0.0.0/8", "10.0.0.5:80", []string{"1.1.1.1", "3.3.3.3", "10.0.0.1"}, "3.3.3.3"},
		{"no header", "10.0.0.0/8", "10.0.0.5:80", nil, "10.0.0.5"},
		{"all trusted", "10.0.0.0/8", "10.0.0.5:80", []string{"10.0.0.7, 10.0.0.6"}, "10.0.0.5"},
		{"mapped peer", "10.0.0.0/8", "[::ffff:10.0.0.5]:80", []string{"3.3.3.3"}, "3.3.3.3"},
		{"mapped client", "10.0.0.0/8", "10.0.0.5:80", []string{"::ffff:303:303"}, "3.3.3.3"},
		{"long IPv6", "10.0.0.0/8", "10.0.0.5:80", []string{"2001:0DB8:0:0:0:0:0:0001"}, "2001:db8::1"},
		{"port", "10.0.0.0/8", "10.0.0.5:80", []string{"3.3.3.3:5000"}, "3.3.3.3"},
		{"brackets and port", "10.0.0.0/8", "10.0.0.5:80", []string{"[2001:db8::e]:4747"}, "2001:db8::e"},
		{"brackets", "10.0.0.0/8", "10.0.0.5:80", []string{"[2001:db8::e]"}, "2001:db8::e"},
		{"half a bracket", "10.0.0.0/8", "10.0.0.5:80", []string{"[2001:db8::e"}, refused},
		{"garbage", "10.0.0.0/8", "10.0.0.5:80", []string{"nope, 10.0.0.1"}, refused},
		{"garbage left of the client", "10.0.0.0/8", "10.0.0.5:80", []string{"nope, 3.3.3.3"}, "3.3.3.3"},
		{"empty element", "10.0.0.0/8", "10.0.0.5:80", []string{"3.3.3.3,, ,10.0.0.1"}, refused},
		{"empty line", "10.0.0.0/8", "10.0.0.5:80", []string{""}, refused},
		{"unspecified", "10.0.0.0/8", "10.0.0.5:80", []string{"::"}, refused},
		{"mapped unspecified", "10.0.0.0/8", "10.0.0.5:80", []string{"::ffff:0.0.0.0"}, refused},
		{"octal", "10.0.0.0/8", "10.0.0.5:80", []string{"010.0.0.1"}, refused},
		{"unknown (RFC 7239)", "10.0.0.0/8", "10.0.0.5:80", []string{"unknown"}, refused},
		{"10 000 hops", "10.0.0.0/8", "10.0.0.5:80", []string{hops + "3.3.3.3"}, "3.3.3.3"},
		{"Unix socket", "10.0.0.0/8", "@", []string{"3.3.3.3"}, refused},
		{"trusted Unix socket", "unix,10.0.0.0/8", "@", []string{"3.3.3.3, 10.0.0.1"}, "3.3.3.3"},
		{"trusted Unix socket, no header", "unix", "@", nil, refused},
	}
	for _, tt := range tests {
		t.Run("IP-01 "+tt.name, func(t *testing.T) {
			t.Parallel()
			trusted, err := middleware.ParseTrustedProxies(tt.trusted)
			if err != nil {
				t.Fatal(err)
			}
			if got := clientOf(t, trusted, tt.remote, xff(tt.xff...)); got != tt.want {
				t.Errorf("client = %s, want %s", got, tt.want)
			}
		})
	}
}

// The vectors whose want is a sentence, and what that comes to here.
var vectorWants = map[string]string{
	"unix socket peer":                                refused,
	"all trusted":                                     "2.2.2.9",
	"rightmost untrusted invalid":                     refused,
	"rightmost untrusted unspecified":                 refused,
	"rotating inside one /64 shares a rate-limit key": "2001:db8:1:2:ffff::9",
	"leading zeros octet":                             refused,
	"empty elements":                                  refused,
	"10 000 hops":                                     "3.3.3.3",
	"CIDR 0.0.0.0/0 as trusted proxy":                 "config refused",
	"CIDR with host bits 10.0.0.5/8":                  "normalised",
}

// TestCase_IP_01_Vectors reads a collection that may be absent; the
// table above restates it.
func TestCase_IP_01_Vectors(t *testing.T) {
	t.Parallel()
	t.Run("xff/cases.json", clientIPVectors)
}

func clientIPVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", "xff", "cases.json"))
	if err != nil {
		t.Skip("the shared test vectors are not beside this checkout")
	}
	var rows []struct {
		Name, Remote, Want string
		XFF, Trusted       []string
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			want := row.Want
			if w, ok := vectorWants[row.Name]; ok {
				want = w
			}
			trusted, err := middleware.ParseTrustedProxies(strings.Join(row.Trusted, ","))
			switch {
			case want == "config refused":
				if err == nil {
					t.Errorf("the list was taken as %v", trusted.Prefixes)
				}
			case err != nil:
				t.Fatal(err)
			case want == "normalised":
				if got := trusted.Prefixes[0].String(); got != "10.0.0.0/8" {
					t.Errorf("prefix = %s", got)
				}
			default:
				if got := clientOf(t, trusted, row.Remote, xff(row.XFF...)); got != want {
					t.Errorf("client = %s, want %s", got, want)
				}
			}
		})
	}
}

func TestCase_IP_02_OtherHeadersAreNeverRead(t *testing.T) {
	t.Parallel()
	for _, trusted := range []string{"", "9.9.9.0/24"} {
		t.Run("trusted "+trusted, func(t *testing.T) {
			t.Parallel()
			proxies, err := middleware.ParseTrustedProxies(trusted)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for _, name := range []string{"X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Forwarded"} {
				header.Set(name, "127.0.0.1")
			}
			header.Set("Forwarded", "for=127.0.0.1")
			if got := clientOf(t, proxies, "9.9.9.9:1", header); got != "9.9.9.9" {
				t.Errorf("client = %s, want the peer", got)
			}
		})
	}
}

func TestResolveClientIPPanicsOnListsThatTrustEverybody(t *testing.T) {
	t.Parallel()
	for _, p := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), {}} {
		mustPanic(t, func() { middleware.ResolveClientIP(middleware.TrustedProxies{Prefixes: []netip.Prefix{p}}) })
	}
}

func FuzzClientIP(f *testing.F) {
	for _, s := range []string{"3.3.3.3", "a, 10.0.0.1", "[::1]:80", "fe80::1%eth0,", "::ffff:1.2.3.4", ",,,", "1.2.3.4:99999"} {
		f.Add(s, s)
	}
	trusted, err := middleware.ParseTrustedProxies("10.0.0.0/8, fe80::/10")
	if err != nil {
		f.Fatal(err)
	}
	mw := middleware.ResolveClientIP(trusted)
	f.Fuzz(func(t *testing.T, first, second string) {
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			addr := middleware.ClientIP(r.Context())
			switch {
			case !addr.IsValid(), addr.IsUnspecified(), addr.Is4In6(), addr.Zone() != "":
				t.Errorf("client = %v from %q, %q", addr, first, second)
			case addr != netip.MustParseAddr("10.0.0.5") && network.Contains(trusted.Prefixes, addr):
				t.Errorf("a proxy's address %v is the client", addr)
			}
		})
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.5:80"
		r.Header = xff(first, second)
		mw(h).ServeHTTP(httptest.NewRecorder(), r)
	})
}
