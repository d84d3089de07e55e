package usermgmt_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

// from sends a request as if from a peer, and whatever headers the peer sends.
func from(h http.Handler, peer, method, path, token, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = peer
	for name, values := range header {
		r.Header[name] = values
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// slow lets an address sign in a thousand times, and gives next to nothing back
// while a test runs.
func slow(cfg *usermgmt.Config) {
	cfg.LoginRateLimit = ratelimit.Rate{PerSecond: 0.001, Burst: 1000}
}

// login is a body that alice signs in with.
const login = `{"username":"alice","password":"` + password + `"}`

// service makes a Manager with alice, behind Wrap.
func service(t *testing.T, options ...func(*usermgmt.Config)) (http.Handler, *usermgmt.Manager, usermgmt.User) {
	t.Helper()
	mgr := open(t, databasePath(t), options...)
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("POST /v1/chat", mgr.Protect(usermgmt.Conversation())(http.HandlerFunc(ok)))
	alice, err := mgr.Users().Create(t.Context(), usermgmt.System(), usermgmt.Registration{Username: "alice", Email: "alice@example.com", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return mgr.Wrap(mux), mgr, alice
}

func leftOf(w *httptest.ResponseRecorder) string {
	return regexp.MustCompile(`r=\d+`).FindString(w.Header().Get("RateLimit"))
}

// TestCase_IP_01_EverybodySeesTheSameClient signs in through proxies: the list of
// sessions, the audit trail and the rate limit go by one address.
func TestCase_IP_01_EverybodySeesTheSameClient(t *testing.T) {
	t.Parallel()
	h, mgr, _ := service(t, slow, func(cfg *usermgmt.Config) {
		cfg.TrustedProxies.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	for _, row := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"an untrusted peer", "9.9.9.9:1", []string{"1.2.3.4, 10.0.0.1"}, "9.9.9.9"},
		{"a trusted peer", "10.0.0.5:555", []string{"3.3.3.3, 10.0.0.1"}, "3.3.3.3"},
		{"what the client wrote stays unread", "10.0.0.5:555", []string{"127.0.0.1, <script>, 3.3.3.4"}, "3.3.3.4"},
		{"a mapped peer", "[::ffff:10.0.0.5]:80", []string{"3.3.3.5"}, "3.3.3.5"},
		{"a mapped client", "10.0.0.5:80", []string{"::ffff:303:306"}, "3.3.3.6"},
		{"two lines", "10.0.0.5:80", []string{"1.1.1.1", "3.3.3.7"}, "3.3.3.7"},
		{"long IPv6", "10.0.0.5:80", []string{"2001:0DB8:0000:0000:0000:0000:0000:0001"}, "2001:db8::1"},
		{"no header", "10.0.0.8:80", nil, "10.0.0.8"},
	} {
		w := from(h, row.peer, "POST", "/auth/login", "", login, http.Header{"X-Forwarded-For": row.forwarded})
		var session struct {
			AccessToken string `json:"access_token"`
			SessionID   string `json:"session_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &session); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", row.name, w.Code, w.Body)
		}
		// The address itself, without a proxy, goes on where that bucket stands.
		peer := netip.AddrPortFrom(netip.MustParseAddr(row.want), 1).String()
		if next := from(h, peer, "POST", "/auth/login", "", `{}`, nil); leftOf(w) != "r=999" || leftOf(next) != "r=998" {
			t.Errorf("%s: the limit says %s, and then %s from %s", row.name, leftOf(w), leftOf(next), peer)
		}
		list := from(h, peer, "GET", "/auth/me/sessions", session.AccessToken, "", nil).Body.String()
		if !strings.Contains(list, `"ip":"`+row.want+`","user_agent":"","current":true`) {
			t.Errorf("%s: the sessions are %s", row.name, list)
		}
		events, err := mgr.Audit().List(t.Context(), store.AuditFilter{Action: "user.login"}, usermgmt.Page{Limit: 1})
		if err != nil || len(events.Items) != 1 || events.Items[0].Detail.IP != row.want {
			t.Errorf("%s: the trail has %+v, %v", row.name, events.Items, err)
		}
	}
	for _, unreadable := range []string{"nope", "3.3.3.3,, ,10.0.0.1", "010.0.0.1", "::", ""} {
		w := from(h, "10.0.0.5:80", "POST", "/auth/login", "", login, http.Header{"X-Forwarded-For": {unreadable}})
		if w.Code != 400 || !strings.Contains(w.Body.String(), `"invalid_request"`) {
			t.Errorf("X-Forwarded-For %q: %d %s", unreadable, w.Code, w.Body)
		}
	}
}

// TestCase_IP_02_HeadersNameNobody claims addresses in every header there is:
// allowlist, limit and trail go by the peer.
func TestCase_IP_02_HeadersNameNobody(t *testing.T) {
	t.Parallel()
	h, mgr, _ := service(t, slow, func(cfg *usermgmt.Config) {
		cfg.IPAllowlist = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	})
	claims := func(addr string) http.Header {
		header := http.Header{"Forwarded": {"for=" + addr}}
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip", "X-Original-Forwarded-For"} {
			header[name] = []string{addr}
		}
		return header
	}
	if w := from(h, "203.0.113.9:1", "POST", "/auth/login", "", login, claims("198.51.100.1")); w.Code != 403 || !strings.Contains(w.Body.String(), `"ip_not_allowed"`) {
		t.Errorf("a claim opens the allowlist: %d %s", w.Code, w.Body)
	}
	var left []string
	for _, claim := range []string{"203.0.113.9", "198.51.100.2", "127.0.0.1"} {
		w := from(h, "198.51.100.7:1", "POST", "/auth/login", "", login, claims(claim))
		if w.Code != 200 {
			t.Errorf("a claim closes the allowlist: %d %s", w.Code, w.Body)
		}
		left = append(left, leftOf(w))
	}
	if strings.Join(left, " ") != "r=999 r=998 r=997" {
		t.Errorf("claims have buckets of their own: %v", left)
	}
	if err := mgr.Audit().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]string{"user.login": "198.51.100.7", "request.denied": "203.0.113.9"} {
		events, err := mgr.Audit().List(t.Context(), store.AuditFilter{Action: action}, usermgmt.Page{})
		if err != nil || len(events.Items) == 0 {
			t.Fatalf("%s: %v", action, err)
		}
		for _, e := range events.Items {
			if e.Detail.IP != want {
				t.Errorf("%s was from %s, want %s", action, e.Detail.IP, want)
			}
		}
	}
}

// TestCase_IP_07_NoEdgeGivesTwice sends bursts on both sides of a second, a
// minute, an hour and a day. A rate is a bucket: within any time it admits what
// the bucket holds and what that gains in the time, and nothing begins anew.
func TestCase_IP_07_NoEdgeGivesTwice(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	h, _, _ := service(t, func(cfg *usermgmt.Config) {
		cfg.IPRateLimit = ratelimit.Rate{PerSecond: 0.5, Burst: 30}
		cfg.Clock = func() time.Time {
			if at := now.Load(); at != nil {
				return *at
			}
			return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		}
	})
	for i, edge := range []time.Time{
		time.Date(2026, 3, 2, 10, 20, 31, 0, time.UTC), time.Date(2026, 3, 2, 10, 21, 0, 0, time.UTC),
		time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
	} {
		peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 1).String()
		admitted := 0
		for _, offset := range []time.Duration{-time.Millisecond, 0, time.Millisecond, 2 * time.Second} {
			at := edge.Add(offset)
			now.Store(&at)
			for range 31 {
				switch w := from(h, peer, "GET", "/auth/me", "", "", nil); w.Code {
				case 401:
					admitted++
				case 429:
				default:
					t.Fatalf("status %d %s", w.Code, w.Body)
				}
			}
		}
		if admitted != 31 {
			t.Errorf("%d admitted around %v, want 31: the 30 of the bucket and the one gained in 2 s", admitted, edge)
		}
	}
}

// member is one of a List of Strings of structured fields with Integers as
// parameters (RFC 9651 sections 3.1, 3.1.2, 3.3.1 and 3.3.3): all that the
// RateLimit fields may be.
var member = regexp.MustCompile(`^"((?:[ !#-\[\]-~]|\\["\\])*)"((?:; *[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15})*)$`)

// structured returns the names and parameters of a field, in order, or fails.
func structured(t *testing.T, field string) (names []string, parameters map[string]string) {
	t.Helper()
	parameters = make(map[string]string)
	for one := range strings.SplitSeq(field, ",") {
		m := member.FindStringSubmatch(strings.Trim(one, " \t"))
		if m == nil {
			t.Fatalf("%q is no structured field", field)
		}
		names = append(names, m[1])
		for p := range strings.SplitSeq(strings.TrimPrefix(m[2], ";"), ";") {
			key, value, _ := strings.Cut(p, "=")
			parameters[m[1]+" "+key] = value
		}
	}
	return names, parameters
}

// TestCase_IP_09_RefusalsSayTheSameLimits reads the fields of answers that admit
// and of both kinds that refuse.
func TestCase_IP_09_RefusalsSayTheSameLimits(t *testing.T) {
	t.Parallel()
	h, mgr, alice := service(t, daily(2), func(cfg *usermgmt.Config) {
		cfg.RateLimit = ratelimit.Rate{PerSecond: 0.01, Burst: 3}
		cfg.IPRateLimit = ratelimit.Rate{PerSecond: 1000, Burst: 1000}
	})
	_, key, err := mgr.Keys().Create(t.Context(), usermgmt.System(), usermgmt.PrincipalOf(alice), usermgmt.NewKey{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	wantNames := "requests conversations-day"
	for i, want := range []struct {
		status int
		code   string
		names  string
	}{{200, "", wantNames}, {200, "", wantNames}, {429, "quota_exceeded", wantNames}, {429, "rate_limited", "requests"}} {
		w := from(h, "192.0.2.1:1", "POST", "/v1/chat", key.Reveal(), "", nil)
		if w.Code != want.status || want.code != "" && !strings.Contains(w.Body.String(), `"code":"`+want.code+`"`) {
			t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
		}
		policies, quotas := structured(t, w.Header().Get("RateLimit-Policy"))
		limits, left := structured(t, w.Header().Get("RateLimit"))
		if got := strings.Join(limits, " "); got != strings.Join(policies, " ") || got != want.names {
			t.Errorf("request %d: policies %v, limits %v, want %s", i, policies, limits, want.names)
		}
		if quotas["requests q"] != "3" || quotas["requests w"] != "300" || left["requests r"] == "" {
			t.Errorf("request %d: %v, %v", i, quotas, left)
		}
		if want.status != 429 {
			continue
		}
		if w.Header().Get("Content-Type") != "application/problem+json" || !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(w.Header().Get("Retry-After")) {
			t.Errorf("request %d: %v", i, w.Header())
		}
	}
}

// TestCase_HT_05_NoRouteAnswersOtherOrigins asks a whole service, refusals and
// unknown paths included, as a page of another origin.
func TestCase_HT_05_NoRouteAnswersOtherOrigins(t *testing.T) {
	t.Parallel()
	h, _, _ := service(t, unhurried, func(cfg *usermgmt.Config) { cfg.CORSOrigins = []string{"https://good.example"} })
	for _, origin := range []string{"https://evil", "null", "https://good.evil", "http://good.example", "https://good.example.evil", "https://good.example", ""} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			for _, path := range []string{"/auth/me", "/auth/login", "/v1/chat", "/nowhere"} {
				header := http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}
				if origin == "" {
					header.Del("Origin")
				}
				got := from(h, "192.0.2.1:1", method, path, "", "", header).Header()
				want := ""
				if origin == "https://good.example" {
					want = origin
				}
				if got.Get("Access-Control-Allow-Origin") != want || got.Get("Access-Control-Allow-Credentials") != "" ||
					!strings.Contains(strings.Join(got.Values("Vary"), ","), "Origin") {
					t.Errorf("%s %s of %q: %v", method, path, origin, got)
				}
			}
		}
	}
}
