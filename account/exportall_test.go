package account_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

// reading counts what lists of users have given out.
type reading struct {
	store.Store
	given int
}

func (r *reading) UserList(ctx context.Context, f store.UserFilter, p store.Page) (store.List[store.User], error) {
	list, err := r.Store.UserList(ctx, f, p)
	r.given += len(list.Items)
	return list, err
}

// lineCounter counts lines, and calls look after each write.
type lineCounter struct {
	lines int
	look  func(lines int)
}

func (w *lineCounter) Write(b []byte) (int, error) {
	w.lines += bytes.Count(b, []byte("\n"))
	w.look(w.lines)
	return len(b), nil
}

// TestExportAllHoldsAPage: what was read and is not written yet is never more than
// a page and what a buffer holds, however many users there are.
func TestExportAllHoldsAPage(t *testing.T) {
	t.Parallel()
	r := &reading{}
	a := newAttic(t, func(s store.Store) store.Store { r.Store = s; return r })
	const users = 1500
	for i := range users {
		u := store.User{ID: fmt.Sprintf("usr_%04d", i), Username: fmt.Sprint("user", i), Status: store.Active, Plan: "free", Zone: store.Zone{Name: "UTC"}, CreatedAt: noon, UpdatedAt: noon}
		must(t, a.store.UserInsert(t.Context(), u))
	}
	for _, format := range []string{account.NDJSON, account.CSV} {
		r.given = 0
		most, w := 0, &lineCounter{}
		w.look = func(lines int) { most = max(most, r.given-lines) }
		must(t, a.ExportAll(t.Context(), staff, w, format, store.UserFilter{}))
		if want := users + map[string]int{account.CSV: 1}[format]; w.lines != want {
			t.Errorf("%s: %d lines, want %d", format, w.lines, want)
		}
		if most > 2*store.MaxLimit {
			t.Errorf("%s: %d users in memory", format, most)
		}
	}
	if events := a.events("user.export"); len(events) != 2 || events[0].Target.ID != "" || events[0].ActorID != staff.ID {
		t.Errorf("the trail: %+v", events)
	}
	if err := a.ExportAll(t.Context(), staff, io.Discard, "xml", store.UserFilter{}); store.CodeOf(err) != store.ErrValidation || len(a.events("user.export")) != 2 {
		t.Errorf("another format: %v", err)
	}
}

// What is kept of one user is read page by page too, and is in the trail before it
// is written.
func TestExportOfOneUser(t *testing.T) {
	t.Parallel()
	a := newAttic(t, asItIs)
	alice, bob := a.settle("alice"), a.settle("robert")
	var out strings.Builder
	must(t, a.Export(t.Context(), actorOf(alice), alice.ID, &out))
	for what, n := range map[string]int{"alice asked": 250, `"user.export"`: 1, `"kind":"grant"`: 1, "alice-key": 1, bob.ID: 0, "robert": 0, staff.Name: 0, staff.ID: 0} {
		if got := strings.Count(out.String(), what); n > 0 && got < n || n == 0 && got > 0 {
			t.Errorf("%q stands there %d times", what, got)
		}
	}
	if err := a.Export(t.Context(), staff, "nobody", &out); !errors.Is(err, store.ErrNotFound) || len(a.events("user.export")) != 1 {
		t.Errorf("nobody: %v", err)
	}
	closed := errors.New("gone")
	if err := a.Export(t.Context(), staff, bob.ID, failingWriter{closed}); !errors.Is(err, closed) {
		t.Errorf("a reader who is gone: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
