package account_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func ref[T any](v T) *T { return &v }

// newAdmin makes an admin with operatorPassword.
func newAdmin(t testing.TB, admins *account.Admins, username string, permissions ...string) store.Admin {
	t.Helper()
	admin, err := admins.Create(t.Context(), store.System(), account.NewAdmin{
		Username: username, Email: username + "@example.com", Permissions: permissions, Password: operatorPassword,
	})
	must(t, err)
	return admin
}

func asAdmin(a store.Admin) store.Actor {
	return store.Actor{Kind: store.ActorAdmin, ID: a.ID, Name: a.Username, IP: home.IP.String(), RequestID: "req_1"}
}

// changesOf returns the changes that the last event of an action has.
func (h *house) changesOf(action string) map[string]store.Diff {
	h.t.Helper()
	events := h.events(action)
	if len(events) == 0 {
		h.t.Fatalf("no %s in the trail", action)
	}
	changes := map[string]store.Diff{}
	if raw := events[len(events)-1].Detail.Changes; len(raw) > 0 {
		must(h.t, json.Unmarshal(raw, &changes))
	}
	return changes
}

func TestStaffUpdate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffViewer)
	h.pass(1000)
	updated, err := service.Update(t.Context(), store.System(), sam.ID, account.StaffUpdate{
		Name: ref("Samuel"), Username: ref("Samuel"), Email: ref("S@example.com"), Level: ref(store.StaffLead),
	})
	must(t, err)
	want := sam
	want.Name, want.Username, want.Email, want.Level, want.UpdatedAt = "Samuel", "samuel", "S@example.com", store.StaffLead, noon.Add(1000)
	stored, err := service.Get(t.Context(), sam.ID)
	must(t, err)
	if diff := cmp.Diff(want, updated) + cmp.Diff(want, stored); diff != "" {
		t.Error(diff)
	}
	wantChanges := map[string]store.Diff{
		"name": {From: "Sam", To: "Samuel"}, "username": {From: "sam", To: "samuel"}, "email": {From: "sam@example.com", To: "S@example.com"}, "level": {From: 1.0, To: 3.0},
	}
	if diff := cmp.Diff(wantChanges, h.changesOf("staff.update")); diff != "" {
		t.Error(diff)
	}

	// What is the same already changes nothing, and what is nil stays.
	for _, in := range []account.StaffUpdate{{}, {Username: ref("SAMUEL"), Email: ref("S@example.com"), Level: ref(store.StaffLead), Status: ref(store.Active)}} {
		again, err := service.Update(t.Context(), store.System(), sam.ID, in)
		if diff := cmp.Diff(want, again); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	if n := len(h.events("staff.update")); n != 1 {
		t.Errorf("%d updates in the trail", n)
	}
	for name, code := range map[string]store.Code{"samuel": "", "s@example.com": "", "sam": store.ErrInvalidCredentials, "sam@example.com": store.ErrInvalidCredentials} {
		if _, _, err := service.SignIn(t.Context(), name, operatorPassword, home); store.CodeOf(err) != code {
			t.Errorf("%s: %v, want %q", name, err, code)
		}
	}
	h.member("sam", store.StaffViewer) // both names are free at once

	if updated, err = service.Update(t.Context(), store.System(), sam.ID, account.StaffUpdate{Email: ref("")}); err != nil || updated.Email != "" {
		t.Errorf("%+v, %v", updated, err)
	}
	if _, _, err := service.SignIn(t.Context(), "s@example.com", operatorPassword, home); !errors.Is(err, store.ErrInvalidCredentials) {
		t.Errorf("a cleared address: %v", err)
	}
}

func TestUpdatesObeyTheRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffViewer)
	h.member("ann", store.StaffViewer)
	admins, _ := h.admins()
	root := newAdmin(t, admins, "operator.one.two", "users")
	newAdmin(t, admins, "ann")
	for name, tt := range map[string]struct {
		staff account.StaffUpdate
		admin account.AdminUpdate
		code  store.Code
	}{
		"no name":       {account.StaffUpdate{Username: ref("")}, account.AdminUpdate{Username: ref("")}, store.ErrValidation},
		"no address":    {account.StaffUpdate{Email: ref("x")}, account.AdminUpdate{Email: ref("x")}, store.ErrValidation},
		"no status":     {account.StaffUpdate{Status: ref(store.Status("deleted"))}, account.AdminUpdate{Status: ref(store.Status(""))}, store.ErrValidation},
		"no right":      {account.StaffUpdate{Level: ref(store.StaffLevel(4))}, account.AdminUpdate{Permissions: &[]string{"users", "all"}}, store.ErrValidation},
		"weak":          {account.StaffUpdate{Password: ref("fourteen chars")}, account.AdminUpdate{Password: ref("fourteen chars")}, store.ErrWeakPassword},
		"own name":      {account.StaffUpdate{Password: ref("sam@example.com")}, account.AdminUpdate{Password: ref("operator.one.two")}, store.ErrWeakPassword},
		"new name":      {account.StaffUpdate{Username: ref("a.longer.name.of"), Password: ref("a.longer.name.of")}, account.AdminUpdate{Username: ref("a.longer.name.of"), Password: ref("a.longer.name.of")}, store.ErrWeakPassword},
		"taken":         {account.StaffUpdate{Username: ref("ann")}, account.AdminUpdate{Username: ref("ann")}, store.ErrUsernameTaken},
		"taken address": {account.StaffUpdate{Email: ref("ANN@example.com")}, account.AdminUpdate{Email: ref("ANN@example.com")}, store.ErrEmailTaken},
	} {
		if _, err := service.Update(t.Context(), store.System(), sam.ID, tt.staff); store.CodeOf(err) != tt.code || !explained(err) {
			t.Errorf("%s, staff: %v, want %s", name, err, tt.code)
		}
		if _, err := admins.Update(t.Context(), store.System(), root.ID, tt.admin); store.CodeOf(err) != tt.code || !explained(err) {
			t.Errorf("%s, admins: %v, want %s", name, err, tt.code)
		}
	}
	for _, id := range []string{"stf_none", root.ID, ""} {
		for _, in := range []account.StaffUpdate{{}, {Password: ref(operatorPassword)}} {
			if _, err := service.Update(t.Context(), store.System(), id, in); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if err := service.Delete(t.Context(), store.System(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := admins.Update(t.Context(), store.System(), sam.ID, account.AdminUpdate{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("staff as an admin: %v", err)
	}
	if err := admins.Delete(t.Context(), store.System(), sam.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("staff as an admin: %v", err)
	}
	if len(h.events("staff.update"))+len(h.events("admin.update")) != 0 {
		t.Error("what was refused stands in the trail as done")
	}
}

// A reset by somebody else ends what was signed in, lets a locked name in again,
// and shows nothing of the password.
func TestPasswordResets(t *testing.T) {
	t.Parallel()
	const next = "another way down the river"
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffViewer)
	admins, _ := h.admins()
	ann := newAdmin(t, admins, "ann", "users")
	for kind, who := range map[string]struct {
		id     string
		signIn func(password string) error
		reset  func() error
	}{
		"staff": {sam.ID,
			func(p string) error { _, _, err := service.SignIn(t.Context(), "sam", p, away); return err },
			func() error {
				_, err := service.Update(t.Context(), store.System(), sam.ID, account.StaffUpdate{Password: ref(next)})
				return err
			}},
		"admin": {ann.ID,
			func(p string) error { _, _, err := admins.SignIn(t.Context(), "ann", p, away); return err },
			func() error {
				_, err := admins.Update(t.Context(), store.System(), ann.ID, account.AdminUpdate{Password: ref(next)})
				return err
			}},
	} {
		must(t, who.signIn(operatorPassword))
		for range 11 {
			_ = who.signIn("wrong")
		}
		if err := who.signIn(operatorPassword); !errors.Is(err, store.ErrLocked) {
			t.Fatalf("%s is not locked: %v", kind, err)
		}
		must(t, who.reset())
		if h.live(who.id) != 0 {
			t.Errorf("%s: a session outlives the reset", kind)
		}
		if err := who.signIn(operatorPassword); !errors.Is(err, store.ErrInvalidCredentials) {
			t.Errorf("%s with the old password: %v", kind, err)
		}
		if err := who.signIn(next); err != nil {
			t.Errorf("%s with the new one: %v", kind, err)
		}
		if diff := cmp.Diff(map[string]store.Diff{"password": {To: "reset"}}, h.changesOf(kind+".update")); diff != "" {
			t.Error(diff)
		}
	}
}

// A sign-in with the old password never outlives the reset that it raced with.
func TestAResetBeatsSignInsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffViewer)
	passwords := []string{operatorPassword, "another way down the river"}
	for round := range 6 {
		var running sync.WaitGroup
		for range 6 {
			running.Go(func() { _, _, _ = service.SignIn(t.Context(), "sam", passwords[round%2], home) })
		}
		running.Go(func() {
			_, err := service.Update(t.Context(), store.System(), sam.ID, account.StaffUpdate{Password: &passwords[(round+1)%2]})
			if err != nil {
				t.Error(err)
			}
		})
		running.Wait()
		if n := h.live(sam.ID); n != 0 {
			t.Fatalf("%d sessions of the old password live", n)
		}
	}
}

// What is deleted leaves its names, and nothing of what it signed in with.
func TestDeletedOperators(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffLead)
	admins, _ := h.admins()
	ann := newAdmin(t, admins, "ann", "users")
	type door struct {
		id      string
		signIn  func(from authn.Origin) error
		remove  func() error
		get     func() error
		restart func() string
	}
	for kind, d := range map[string]door{
		"staff": {sam.ID,
			func(from authn.Origin) error {
				_, _, err := service.SignIn(t.Context(), "sam", operatorPassword, from)
				return err
			},
			func() error { return service.Delete(t.Context(), store.System(), sam.ID) },
			func() error { _, err := service.Get(t.Context(), sam.ID); return err },
			func() string { _, m := h.member("sam", store.StaffViewer); return m.ID }},
		"admin": {ann.ID,
			func(from authn.Origin) error {
				_, _, err := admins.SignIn(t.Context(), "ann", operatorPassword, from)
				return err
			},
			func() error { return admins.Delete(t.Context(), store.System(), ann.ID) },
			func() error { _, err := admins.Get(t.Context(), ann.ID); return err },
			func() string { return newAdmin(t, admins, "ann").ID }},
	} {
		must(t, d.signIn(home))
		counters := []string{kind + ":" + d.id, "device:" + d.id + ":" + home.IP.String()}
		for _, counter := range counters {
			_, err := h.store.SignInAttempt(t.Context(), counter, store.SignInRule{Limit: 0, Window: 1e12}, noon)
			must(t, err)
		}
		must(t, d.remove())
		if err := errors.Join(d.get()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", kind, err)
		}
		if err := d.remove(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, again: %v", kind, err)
		}
		if err := d.signIn(away); !errors.Is(err, store.ErrInvalidCredentials) {
			t.Errorf("%s: %v", kind, err)
		}
		if h.live(d.id) != 0 {
			t.Errorf("%s: a session lives", kind)
		}
		if _, err := h.store.PasswordHashGet(t.Context(), d.id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the hash: %v", kind, err)
		}
		known, err := h.store.KnownDeviceSince(t.Context(), d.id, home.IP.String(), noon.AddDate(-1, 0, 0))
		if must(t, err); known {
			t.Errorf("%s: a device is known still", kind)
		}
		for _, counter := range counters {
			if until, err := h.store.SignInLocks(t.Context(), []string{counter}, noon); err != nil || len(until) > 0 {
				t.Errorf("%s: the counter %s is locked until %v, %v", kind, counter, until, err)
			}
		}
		if next := d.restart(); next == d.id {
			t.Errorf("%s: the id was used again", kind)
		}
		must(t, d.signIn(away))
		events := h.events(kind + ".delete")
		if len(events) != 1 || events[0].Target.ID != d.id || len(h.events(kind+".login")) != 2 {
			t.Errorf("%s, the trail: %+v", kind, events)
		}
	}
}

// The same name may be had by a user, by staff and by an admin, and each is
// somebody else.
func TestNamesOfKindsAreApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.register("sam")
	service, member := h.member("sam", store.StaffViewer)
	admins, first := h.admins()
	admin := newAdmin(t, admins, "sam")
	if code := h.code("sam@example.com", goodPassword, home); code != "" {
		t.Errorf("the user: %s", code)
	}
	if m, _, err := service.SignIn(t.Context(), "sam@example.com", operatorPassword, home); err != nil || m.ID != member.ID {
		t.Errorf("%+v, %v", m, err)
	}
	if a, _, err := admins.SignIn(t.Context(), "sam@example.com", operatorPassword, home); err != nil || a.ID != admin.ID {
		t.Errorf("%+v, %v", a, err)
	}
	must(t, service.Delete(t.Context(), store.System(), member.ID))
	if code := h.code("sam", goodPassword, home); code != "" {
		t.Errorf("the user, after the member went: %s", code)
	}
	if again, err := admins.EnsureFirst(t.Context(), "", ""); err != nil || again.Made {
		t.Errorf("%+v, %v", again, err)
	}
	if _, _, err := admins.SignIn(t.Context(), "admin", first.Password.Reveal(), home); err != nil {
		t.Errorf("the first admin: %v", err)
	}
}

// Of many who take one name at once, on two instances, one has it.
func TestOneOfManyHasTheName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	var services []*account.Staff
	var ids []string
	for i := range 2 {
		db, err := sqlite.Open(t.Context(), path, nil)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		h := moveIn(t, db)
		service, member := h.member([]string{"ann", "bob"}[i], store.StaffViewer)
		services, ids = append(services, service), append(ids, member.ID)
	}
	var mu sync.Mutex
	codes := map[store.Code]int{}
	count := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		codes[store.CodeOf(err)]++
	}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			_, err := services[i%2].Create(t.Context(), store.System(), account.NewStaffMember{
				Name: "Sam", Username: "sam", Level: store.StaffViewer, Password: operatorPassword,
			})
			count(err)
		})
		running.Go(func() {
			_, err := services[i%2].Update(t.Context(), store.System(), ids[i%2], account.StaffUpdate{Username: ref("sam")})
			count(err)
		})
	}
	running.Wait()
	list, err := services[0].List(t.Context(), store.Page{})
	must(t, err)
	holders := 0
	for _, m := range list.Items {
		if m.Username == "sam" {
			holders++
		}
	}
	if holders != 1 || codes[store.ErrUsernameTaken] == 0 || codes[""]+codes[store.ErrUsernameTaken] != 16 {
		t.Errorf("%d have the name; %v", holders, codes)
	}
}

// Every event of a change of people is read for what must not be in it.
func TestTheTrailOfPeopleHasNoSecrets(t *testing.T) {
	t.Parallel()
	const next = "another way down the river"
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffViewer)
	admins, first := h.admins()
	ann := newAdmin(t, admins, "ann", "users", "staff", "users")
	by := asAdmin(first.Admin)
	_, err := admins.Update(t.Context(), by, ann.ID, account.AdminUpdate{Permissions: &[]string{"tasks", "audit", "tasks"}, Password: ref(next)})
	must(t, err)
	want := map[string]store.Diff{
		"permissions": {From: []any{"staff", "users"}, To: []any{"audit", "tasks"}}, "password": {To: "reset"},
	}
	if diff := cmp.Diff(want, h.changesOf("admin.update")); diff != "" {
		t.Error(diff)
	}
	_, _, err = service.ChangePassword(t.Context(), store.Actor{Kind: store.ActorStaff, ID: sam.ID}, sam.ID, "", operatorPassword, next, home)
	must(t, err)
	must(t, service.Delete(t.Context(), by, sam.ID))
	must(t, admins.Delete(t.Context(), by, ann.ID))
	hash, err := h.store.PasswordHashGet(t.Context(), first.Admin.ID)
	must(t, err)
	for _, e := range h.events("") {
		text, err := json.Marshal(e)
		must(t, err)
		for _, secret := range []string{operatorPassword, next, first.Password.Reveal(), hash.Hash, "$2"} {
			if strings.Contains(string(text)+string(e.Detail.Changes), secret) {
				t.Errorf("%s has a secret: %s %s", e.Action, text, e.Detail.Changes)
			}
		}
		if e.ActorKind == store.ActorAdmin && (e.ActorID != first.Admin.ID || e.RequestID != "req_1") {
			t.Errorf("%s is by %s in %s", e.Action, e.ActorID, e.RequestID)
		}
	}
}
