package httpapi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// TestTasks runs tasks by hand: one that works, one that fails and one that is
// under way.
func TestTasks(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan struct{}), make(chan struct{})
	w := newWorld(t, settings{tasks: []tasks.Task{
		{Name: "works", DailyAt: &tasks.TimeOfDay{Hour: 8, Minute: 5}, Shared: true, Run: func(context.Context) error { return nil }},
		{Name: "fails", Every: time.Hour, Run: func(context.Context) error { return errors.New("CANARY") }},
		{Name: "takes long", Every: 90 * time.Second, Shared: true, Run: func(context.Context) error {
			close(began)
			<-goOn
			return nil
		}},
	}})
	root := w.admin().access
	found := func(name string) map[string]any {
		t.Helper()
		a := w.call("GET", "/admin/tasks", root, "").want(200, "")
		if a.text("next_cursor") != "" || strings.Contains(a.body, "CANARY") {
			t.Errorf("the list is %s", a.body)
		}
		i := slices.IndexFunc(a.items(), func(task map[string]any) bool { return task["name"] == name })
		if i < 0 {
			t.Fatalf("there is no task %s", name)
		}
		return a.items()[i]
	}
	want := map[string]any{"name": "works", "schedule": "daily at 08:05 UTC", "shared": true, "running": false, "next_at": "2026-03-05T08:05:00Z", "last_runs": []any{}}
	if diff := cmp.Diff(want, found("works")); diff != "" {
		t.Error(diff)
	}
	if schedule := found("sessions.purge")["schedule"]; schedule != "every 10m" {
		t.Errorf("the schedule is %v", schedule)
	}

	outcome := func(name, status string) map[string]any {
		return map[string]any{"name": name, "status": status, "started_at": "2026-03-04T12:00:00Z", "duration_ms": 0.0}
	}
	for name, status := range map[string]string{"works": "done", "fails": "failed"} {
		a := w.call("POST", "/admin/tasks/"+name+"/run", root, "").want(200, "")
		if diff := cmp.Diff(outcome(name, status), a.json()); diff != "" {
			t.Error(diff)
		}
		run := map[string]any{"scheduled_at": "2026-03-04T12:00:00Z", "started_at": "2026-03-04T12:00:00Z", "finished_at": "2026-03-04T12:00:00Z", "status": status}
		if diff := cmp.Diff([]any{run}, found(name)["last_runs"]); diff != "" {
			t.Error(name, diff)
		}
	}
	if !strings.Contains(w.logs.String(), "CANARY") {
		t.Error("why a task failed is not in the log")
	}

	done := make(chan answer)
	go func() { done <- w.call("POST", "/admin/tasks/takes%20long/run", root, "") }()
	<-began
	w.call("POST", "/admin/tasks/takes%20long/run", root, "").want(409, "conflict")
	if task := found("takes long"); task["running"] != true || task["last_runs"].([]any)[0].(map[string]any)["finished_at"] != nil || task["schedule"] != "every 1m30s" {
		t.Errorf("under way it is %v", task)
	}
	close(goOn)
	(<-done).want(200, "")
	w.call("POST", "/admin/tasks/CANARY/run", root, "").want(404, "not_found")

	runs, err := w.trail.List(t.Context(), store.AuditFilter{Action: "task.run"}, store.Page{Limit: 10})
	must(t, err)
	if len(runs.Items) != 3 || runs.Items[0].Target != (store.Target{Kind: "task", ID: "takes long"}) {
		t.Errorf("the trail has %+v", runs.Items)
	}
	w.refusedTo("tasks", "task.run", "POST", "/admin/tasks/works/run", "")
	w.refusedTo("tasks", "backup.create", "POST", "/admin/backup", "")
}

func TestBackup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	a := w.call("POST", "/admin/backup", root, "").want(200, "")
	if v := a.json(); v["file"] != "usermgmt-20260304T120000Z" || v["bytes"].(float64) < 4096 || v["duration_ms"] != 0.0 || len(v) != 3 {
		t.Errorf("the backup is %s", a.body)
	}
	list, err := w.trail.List(t.Context(), store.AuditFilter{Action: "backup.create"}, store.Page{Limit: 10})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].ActorKind != store.ActorAdmin || list.Items[0].Target.ID != a.text("file") {
		t.Errorf("the trail has %+v", list.Items)
	}

	none, err := tasks.New(tasks.Config{})
	must(t, err)
	w.restart(func(c *httpapi.Config) { c.Tasks = none })
	refused := w.call("POST", "/admin/backup", root, "").want(409, "conflict")
	if !strings.Contains(refused.body, "USERMGMT_BACKUP_DIR") {
		t.Errorf("the refusal is %s", refused.body)
	}
}
