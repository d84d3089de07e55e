package httpapi_test

import (
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// bodiesOfOperations are those of what admins do to the service.
var bodiesOfOperations = map[string]string{
	"create-plan": `{"id":"pro","name":"Pro","limits":[{"meter":"conversations","window":"day","limit":null}]}`,
	"update-plan": `{"name":"Professional"}`,

	"put-ip-allowlist": `{"allow":["127.0.0.0/8"]}`,
}

func (s *steps) ofOperations() {
	s.t.Helper()
	root := s.admin().access
	s.rows()
	s.ofPlans(root)
	s.ofSettings(root)
	s.ofTasks(root)
	s.ofMessages(root)
	s.ofAudit(root)
}

func (s *steps) ofMessages(root string) {
	s.t.Helper()
	_, err := s.messages.Append(s.t.Context(), store.Message{UserID: "usr_1", CreatedAt: s.clock().Add(-time.Hour)})
	must(s.t, err)
	const before = "?before=2026-03-04T12:00:00Z"
	s.step("delete-messages", "DELETE", "/admin/messages", root, "", 422)
	s.step("delete-messages", "DELETE", "/admin/messages"+before, root, "", 200, "message.delete ok by admin on message")
	s.step("delete-messages-by-post", "POST", "/admin/messages/delete"+before, root, "", 200) // nothing is left
	s.step("list-all-messages", "GET", "/admin/messages", root, "", 200, "message.read ok by admin on message")
	s.step("list-all-messages", "GET", "/admin/messages?user=usr_1", root, "", 200, "message.read ok by admin on user")
	s.step("export-messages", "GET", "/admin/messages/export?format=csv", root, "", 200, "message.export ok by admin on message")
	s.step("export-messages", "GET", "/admin/messages/export?format=xml", root, "", 422)
}

func (s *steps) ofAudit(root string) {
	s.t.Helper()
	s.step("anchor-audit", "POST", "/admin/audit/anchor", root, "", 200, "audit.anchor ok by admin on audit")
	s.step("export-audit", "GET", "/admin/audit/export", root, "", 200, "audit.export ok by admin on audit")
	s.step("list-audit", "GET", "/admin/audit", root, "", 200)
}

func (s *steps) ofTasks(root string) {
	s.t.Helper()
	s.step("run-task", "POST", "/admin/tasks/sessions.purge/run", root, "", 200, "task.run ok by admin on task")
	s.step("run-task", "POST", "/admin/tasks/none/run", root, "", 404)
	s.step("create-backup", "POST", "/admin/backup", root, "", 200, "backup.create ok by admin on backup")
	s.step("create-backup", "POST", "/admin/backup", root, "", 409) // within the same second
}

func (s *steps) ofSettings(root string) {
	s.t.Helper()
	const path = "/admin/settings/ip-allowlist"
	s.step("put-ip-allowlist", "PUT", path, root, bodies["put-ip-allowlist"], 200, "settings.ip_allowlist ok by admin on settings")
	s.step("put-ip-allowlist", "PUT", path, root, bodies["put-ip-allowlist"], 200)
	s.step("put-ip-allowlist", "PUT", path, root, `{"allow":["192.0.2.1"]}`, 409)
}

func (s *steps) ofPlans(root string) {
	s.t.Helper()
	s.step("create-plan", "POST", "/admin/plans", root, bodies["create-plan"], 201, "plan.create ok by admin on plan")
	s.step("create-plan", "POST", "/admin/plans", root, bodies["create-plan"], 409)
	s.step("update-plan", "PATCH", "/admin/plans/pro", root, bodies["update-plan"], 200, "plan.update ok by admin on plan")
	s.step("update-plan", "PATCH", "/admin/plans/pro", root, bodies["update-plan"], 200)
	s.step("delete-plan", "DELETE", "/admin/plans/free", root, "", 409)
	s.step("delete-plan", "DELETE", "/admin/plans/pro", root, "", 204, "plan.delete ok by admin on plan")
	s.step("delete-plan-by-post", "POST", "/admin/plans/pro/delete", root, "", 404)
}

// refusedTo calls a route as an admin who has every permission but the one that
// it needs, and finds the denial in the trail.
func (w *world) refusedTo(permission, action, method, path, body string) {
	w.t.Helper()
	others := slices.DeleteFunc([]string{"users", "staff", "admins", "plans", "messages", "audit", "settings", "tasks"},
		func(p string) bool { return p == permission })
	a, err := w.store.AdminGet(w.t.Context(), w.admin().id)
	must(w.t, err)
	owner := a.Permissions
	a.Permissions = others
	must(w.t, w.store.AdminUpdate(w.t.Context(), a))
	caller := w.admin()
	w.call(method, path, caller.access, body).want(403, "forbidden")
	if !slices.ContainsFunc(w.denials(), func(d string) bool { return strings.HasPrefix(d, action+" ") }) {
		w.t.Errorf("%s %s: the trail has no denial of %s: %v", method, path, action, w.denials())
	}
	a.Permissions = owner
	must(w.t, w.store.AdminUpdate(w.t.Context(), a))
}
