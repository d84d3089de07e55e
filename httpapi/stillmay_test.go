package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// losses are ways in which the first admin loses the right to change users.
func losses(t *testing.T, w *world) map[string]func(id string) {
	_, err := w.admins.Create(t.Context(), store.System(), account.NewAdmin{
		Username: "another-owner", Permissions: []string{authn.PermissionOwner}, Password: adminPassword,
	})
	must(t, err)
	update := func(id string, in account.AdminUpdate) {
		_, err := w.admins.Update(t.Context(), store.System(), id, in)
		must(t, err)
	}
	return map[string]func(string){
		"suspended": func(id string) { update(id, account.AdminUpdate{Status: new(store.Suspended)}) },
		"demoted":   func(id string) { update(id, account.AdminUpdate{Permissions: &[]string{authn.PermissionAudit}}) },
		"reset":     func(id string) { update(id, account.AdminUpdate{Password: new("another way down the river")}) },
		"deleted":   func(id string) { must(t, w.admins.Delete(t.Context(), store.System(), id)) },
	}
}

// TestAnImportEndsWithTheRight: whoever loses the right makes no user of the lines
// that he sends afterwards, however long he keeps the import open.
func TestAnImportEndsWithTheRight(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"suspended", "demoted", "reset", "deleted"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			id := w.admin().id
			lose := losses(t, w)[how]
			k := w.talk(`{"username":"alice"}`)
			if report := k.hear(); !report.OK {
				t.Fatalf("before: %+v", report)
			}
			lose(id)
			k.say(`{"username":"mallory"}`)
			if rest, err := io.ReadAll(k.reports); err == nil || len(rest) > 0 {
				t.Errorf("it went on: %q, %v", rest, err)
			}
			_ = k.lines.Close()
			w.server.Close() // waits for the handler
			if _, err := w.store.IdentifierGet(t.Context(), store.IdentifierUsername, "mallory"); store.CodeOf(err) != store.ErrNotFound {
				t.Errorf("mallory: %v", err)
			}
			if got := w.denials(); len(got) != 1 || !strings.HasPrefix(got[0], "user.import ") {
				t.Errorf("denials: %v", got)
			}
		})
	}
}

// interrupted calls between after the next transaction, once.
type interrupted struct {
	store.Store
	between atomic.Pointer[func()]
}

func (i *interrupted) InTx(ctx context.Context, fn func(context.Context, store.Queries) error) error {
	err := i.Store.InTx(ctx, fn)
	if between := i.between.Swap(nil); between != nil {
		(*between)()
	}
	return err
}

// TestABulkEndsWithTheRight: the users who are left when it is lost stay as they
// are.
func TestABulkEndsWithTheRight(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"suspended", "demoted", "reset", "deleted"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cut := &interrupted{}
			w := newWorld(t, settings{store: func(s store.Store) store.Store { cut.Store = s; return cut }})
			ids := []string{w.register("alice").id, w.register("bob").id, w.register("carol").id}
			root := w.admin()
			lose := losses(t, w)[how]
			w.call("GET", "/admin/users", root.access, "").want(200, "")
			cut.between.Store(new(func() { lose(root.id) }))
			a := w.call("POST", "/admin/users/bulk", root.access, `{"ids":["`+strings.Join(ids, `","`)+`"],"action":"suspend","reason":"spam"}`).want(200, "")
			var codes []any
			for _, item := range a.items() {
				codes = append(codes, item["code"])
			}
			if !slices.Equal(codes, []any{"", "forbidden", "forbidden"}) {
				t.Errorf("codes: %q", codes)
			}
			for i, id := range ids {
				u, err := w.store.UserGet(t.Context(), id)
				must(t, err)
				if (u.Status == store.Suspended) != (i == 0) {
					t.Errorf("user %d is %s", i, u.Status)
				}
			}
			if got := w.denials(); len(got) != 1 || !strings.HasPrefix(got[0], "user.bulk ") {
				t.Errorf("denials: %v", got)
			}
		})
	}
}

// What went well is no fault to log.
func TestBulkLogsFaultsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	w.call("POST", "/admin/users/bulk", root, `{"ids":["`+w.register("alice").id+`","nobody"],"action":"suspend","reason":"spam"}`).want(200, "")
	if logs := w.logs.String(); strings.Contains(logs, "a request failed") {
		t.Error(logs)
	}
}

// watchedBody says when it begins to be read.
type watchedBody struct {
	io.ReadCloser
	once    sync.Once
	reading chan struct{}
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.once.Do(func() { close(b.reading) })
	return b.ReadCloser.Read(p)
}

// TestABodyThatTakesLongIsDecidedAboutAtItsEnd: whoever loses the right between the
// two ends of a body changes nothing with it.
func TestABodyThatTakesLongIsDecidedAboutAtItsEnd(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]struct {
		code    string
		denials []string
	}{
		"suspended": {"invalid_token", nil}, // refused and recorded by the middleware
		"reset":     {"invalid_token", nil},
		"deleted":   {"invalid_token", nil},
		"demoted":   {"forbidden", []string{"service_key.create "}},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			reading := make(chan struct{})
			w := newWorld(t, settings{api: func(c *httpapi.Config) {
				c.LimitByPrincipal = func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						r.Body = &watchedBody{ReadCloser: r.Body, reading: reading}
						next.ServeHTTP(w, r)
					})
				}
			}})
			root := w.admin()
			lose := losses(t, w)[how]
			body, rest := io.Pipe()
			r, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+"/admin/service-keys", body)
			must(t, err)
			r.Header.Set("Authorization", "Bearer "+root.access)
			r.Header.Set("Content-Type", "application/json")
			go func() {
				_, _ = io.WriteString(rest, `{"name":`)
				<-reading // the first decision is made
				lose(root.id)
				_, _ = io.WriteString(rest, `"backdoor"}`)
				_ = rest.Close()
			}()
			w.send(r).want(map[string]int{"forbidden": 403, "invalid_token": 401}[want.code], want.code)
			keys, err := w.cfg.Services.List(t.Context(), store.Page{Limit: 1})
			must(t, err)
			if len(keys.Items) != 0 {
				t.Errorf("he made a key: %+v", keys.Items)
			}
			if got := w.denials(); len(got) != len(want.denials) || len(got) == 1 && !strings.HasPrefix(got[0], want.denials[0]) {
				t.Errorf("denials: %q", got)
			}
		})
	}
}
