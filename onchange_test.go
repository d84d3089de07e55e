package usermgmt_test

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
)

// TestOnChangeSeesWhatAdminsDo calls every admin route that changes the service:
// the hook sees each, and what it refuses does not happen.
func TestOnChangeSeesWhatAdminsDo(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	refuse := false
	h := newHost(t, func(cfg *usermgmt.Config) {
		cfg.AdminUsername, cfg.AdminPassword = "root", "a long way down the river"
		cfg.BackupDir = filepath.Join(t.TempDir(), "backups")
		cfg.OnChange = func(_ context.Context, _ store.Queries, c store.Change) error {
			mu.Lock()
			defer mu.Unlock()
			if seen = append(seen, c.Action); refuse {
				return &usermgmt.Error{Code: usermgmt.ErrConflict, Detail: "Not now."}
			}
			return nil
		}
	})
	if _, err := h.mgr.EnsureFirstAdmin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.mgr.Messages().Append(t.Context(), usermgmt.Message{UserID: "usr_1", CreatedAt: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	root := h.call("POST", "/admin/login", "", map[string]any{"username": "root", "password": "a long way down the river"}).text("access_token")
	for _, step := range []struct {
		action, method, path string
		body                 any
		status               int
	}{
		{"plan.create", "POST", "/plans", map[string]any{"id": "pro"}, http.StatusCreated},
		{"plan.update", "PATCH", "/plans/pro", map[string]any{"name": "Pro"}, http.StatusOK},
		{"plan.delete", "DELETE", "/plans/pro", nil, http.StatusNoContent},
		{"settings.ip_allowlist", "PUT", "/settings/ip-allowlist", map[string]any{"allow": []string{"127.0.0.0/8"}}, http.StatusOK},
		{"task.run", "POST", "/tasks/sessions.purge/run", nil, http.StatusOK},
		{"message.read", "GET", "/messages", nil, http.StatusOK},
		{"message.export", "GET", "/messages/export", nil, http.StatusOK},
		{"message.delete", "DELETE", "/messages?before=" + time.Now().UTC().Format(time.RFC3339), nil, http.StatusOK},
		{"audit.anchor", "POST", "/audit/anchor", nil, http.StatusOK},
		{"audit.export", "GET", "/audit/export", nil, http.StatusOK},
		{"backup.create", "POST", "/backup", nil, http.StatusOK},
	} {
		for _, no := range []bool{true, false} {
			if no && step.action == "backup.create" {
				continue // it is noted when the copy is there
			}
			mu.Lock()
			seen, refuse = nil, no
			mu.Unlock()
			a := h.call(step.method, "/admin"+step.path, root, step.body)
			status, code := step.status, ""
			if no {
				status, code = http.StatusConflict, "conflict"
			}
			h.want(a, status, code)
			mu.Lock()
			if !slices.Equal(seen, []string{step.action}) {
				t.Errorf("%s: the hook saw %v", step.action, seen)
			}
			mu.Unlock()
		}
	}
	list, err := h.mgr.Messages().List(t.Context(), store.MessageFilter{}, usermgmt.Page{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("the messages are %v, %v", list.Items, err)
	}
}
