package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// callers are those whom the matrix asks for: every kind of account with every
// right that tells it from others of its kind.
func callers() map[string]authn.Principal {
	all := map[string]authn.Principal{
		"a user":                 {Kind: authn.KindUser, SessionID: "ses_1", AllScopes: true},
		"a key without scopes":   {Kind: authn.KindUser, KeyID: "key_1"},
		"an admin without":       {Kind: authn.KindAdmin, SessionID: "ses_1", AllScopes: true},
		"a service without":      {Kind: authn.KindService, KeyID: "svc_1"},
		"somebody of no kind":    {Kind: "else", SessionID: "ses_1", AllScopes: true},
		"a user who claims more": {Kind: authn.KindUser, SessionID: "ses_1", AllScopes: true, Level: 3, Permissions: []string{"owner"}},
	}
	for _, scope := range authn.BuiltinScopes() {
		all["a key with "+scope] = authn.Principal{Kind: authn.KindUser, KeyID: "key_1", Scopes: []string{scope}}
	}
	for _, scope := range []string{"introspect", "authz", "meter", "messages"} {
		all["a service with "+scope] = authn.Principal{Kind: authn.KindService, KeyID: "svc_1", Scopes: []string{scope}}
	}
	for level := range store.StaffLevel(5) {
		all[fmt.Sprint("staff of level ", level)] = authn.Principal{Kind: authn.KindStaff, SessionID: "ses_1", AllScopes: true, Level: level}
	}
	for _, permission := range []string{"owner", "users", "staff", "admins", "plans", "messages", "audit", "settings", "tasks"} {
		all["an admin with "+permission] = authn.Principal{Kind: authn.KindAdmin, SessionID: "ses_1", AllScopes: true, Permissions: []string{permission}}
	}
	for name, p := range all {
		p.Subject = "abc_00000000000000000000000000000000" // nobody
		all[name] = p
	}
	return all
}

// admits reports what the document says of a caller: whether one of the
// requirements of an operation is met. The document is made from the table.
func (op operation) admits(p authn.Principal) bool {
	return len(op.Security) == 0 || slices.ContainsFunc(op.Security, func(requirement map[string][]string) bool {
		for scheme, needs := range requirement {
			switch scheme {
			case "bearer":
				return p.Kind == authn.KindUser && p.KeyID == ""
			case "apiKey":
				return p.Kind == authn.KindUser && p.KeyID != "" && p.HasScope(needs[0])
			case "staff":
				return p.Kind == authn.KindStaff && p.Level <= store.StaffLead && "level "+fmt.Sprint(p.Level) >= needs[0]
			case "admin":
				return p.Kind == authn.KindAdmin && (len(needs) == 0 || p.HasPermission(needs[0]))
			case "service":
				return p.Kind == authn.KindService && p.HasScope(needs[0])
			}
		}
		return false
	})
}

// TestCase_AZ_02_EveryRouteByEveryCaller asks for each operation of each router
// by each caller, and holds the answers against what the document promises. Who
// is let in finds nothing, or a body that is wrong: both are no refusals.
func TestCase_AZ_02_EveryRouteByEveryCaller(t *testing.T) {
	t.Parallel()
	all := callers()
	w := newWorld(t, settings{api: func(c *httpapi.Config) {
		c.Authenticate = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if p, known := all[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]; known {
					r = r.WithContext(authn.NewContext(r.Context(), &p))
				}
				next.ServeHTTP(w, r)
			})
		}
	}})
	for who, p := range all { // what is decided about admins is decided by what is stored
		if p.Kind == authn.KindAdmin {
			p.Subject = "adm_" + strings.ReplaceAll(who, " ", "_")
			p.SessionID = "" // it would end with the first sign-out
			all[who] = p
			must(t, w.store.AdminInsert(t.Context(), store.Admin{ID: p.Subject, Username: p.Subject, Permissions: p.Permissions, Status: store.Active}))
		}
	}
	asked := 0
	w.everyRoute(func(method, path, body string, op operation) {
		if len(op.Security) == 0 {
			return
		}
		path = strings.NewReplacer("{id}", "x", "{key_id}", "x", "{name}", "x").Replace(path)
		w.call(method, path, "", body).want(http.StatusUnauthorized, "unauthenticated")
		for who, p := range all {
			asked++
			a := w.call(method, path, who, body)
			code := ""
			if a.status >= 400 {
				code = a.text("code")
			}
			refused := code == "forbidden" || code == "invalid_token"
			if refused == op.admits(p) {
				t.Errorf("AZ-02 %s %s by %s: %d %s, and the document says %v", method, path, who, a.status, a.body, op.Security)
			}
		}
	})
	if asked < 500 {
		t.Errorf("only %d questions were asked", asked)
	}
}
