package account_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// admins are those of a house, with the one that was made first.
func (h *house) admins() (*account.Admins, account.FirstAdmin) {
	h.t.Helper()
	admins, err := account.NewAdmins(h.cfg)
	must(h.t, err)
	first, err := admins.EnsureFirst(h.t.Context(), "", "")
	must(h.t, err)
	return admins, first
}

func TestEnsureFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	password := first.Password.Reveal()
	a := first.Admin
	if !first.Made || a.Username != "admin" || len(a.Permissions) != 1 || a.Permissions[0] != authn.PermissionOwner || a.Status != store.Active {
		t.Errorf("%+v", first)
	}
	if len(password) < 20 {
		t.Errorf("a password of %d characters", len(password))
	}
	events := h.events("admin.create")
	if len(events) != 1 || events[0].ActorKind != store.ActorSystem || events[0].Target.ID != a.ID || strings.Contains(string(events[0].Detail.Changes), password) {
		t.Errorf("the trail: %+v", events)
	}
	again, err := admins.EnsureFirst(t.Context(), "other", "a walk by the river at noon")
	if again.Made || again.Password != "" || again.Admin.ID != "" || err != nil {
		t.Errorf("a second call: %+v, %v", again, err)
	}
	if _, _, err := admins.SignIn(t.Context(), "admin", password, home); err != nil {
		t.Error(err)
	}
}

// No two first admins have the same password, and none has one of those that
// everybody tries: there is no default.
func TestEnsureFirst_NoDefaultPassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 3 {
		admins, first := newHouse(t).admins()
		seen[first.Password.Reveal()] = true
		for _, usual := range []string{"", "admin", "password", "123456", "changeme", "usermgmt", "acmerockets", first.Admin.ID} {
			if _, _, err := admins.SignIn(t.Context(), "admin", usual, home); !errors.Is(err, store.ErrInvalidCredentials) {
				t.Errorf("with %q: %v", usual, err)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d passwords of three admins", len(seen))
	}
}

func TestEnsureFirst_GivenPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, err := account.NewAdmins(h.cfg)
	must(t, err)
	for password, code := range map[string]store.Code{
		"fourteen chars": store.ErrWeakPassword, "superuser.one.two": store.ErrWeakPassword, "acmerockets": store.ErrWeakPassword, "x\x00": store.ErrValidation,
	} {
		first, err := admins.EnsureFirst(t.Context(), "superuser.one.two", password)
		if store.CodeOf(err) != code || first.Made {
			t.Errorf("%q: %v, want %s", password, err, code)
		}
	}
	if _, err := admins.EnsureFirst(t.Context(), "no name", "a walk by the river"); !errors.Is(err, store.ErrValidation) {
		t.Errorf("a name that is none: %v", err)
	}
	first, err := admins.EnsureFirst(t.Context(), "Root", "a walk by the river")
	if err != nil || !first.Made || first.Password != "" || first.Admin.Username != "root" {
		t.Errorf("%+v, %v", first, err)
	}
	if _, _, err := admins.SignIn(t.Context(), "ROOT", "a walk by the river", home); err != nil {
		t.Error(err)
	}
}

// Eight processes start on an empty database: one makes the admin.
func TestEnsureFirst_ByManyStarters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	var starters []*account.Admins
	for range 8 {
		db, err := sqlite.Open(t.Context(), path, nil)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		admins, err := account.NewAdmins(moveIn(t, db).cfg)
		must(t, err)
		starters = append(starters, admins)
	}
	var mu sync.Mutex
	var made []account.FirstAdmin
	var running sync.WaitGroup
	for i, admins := range starters {
		running.Go(func() {
			name := "" // half of them with a name of their own
			if i%2 == 1 {
				name = "owner." + string(rune('a'+i))
			}
			first, err := admins.EnsureFirst(t.Context(), name, "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if first.Made {
				made = append(made, first)
			} else if first.Password != "" {
				t.Error("a password of no admin")
			}
		})
	}
	running.Wait()
	if len(made) != 1 {
		t.Fatalf("%d made an admin", len(made))
	}
	for _, admins := range starters {
		if _, _, err := admins.SignIn(t.Context(), made[0].Admin.Username, made[0].Password.Reveal(), home); err != nil {
			t.Error(err)
		}
	}
}

func TestAdminSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.PasswordLoginDisabled = true })
	admins, first := h.admins()
	h.pass(time.Hour)
	admin, grant, err := admins.SignIn(t.Context(), "Admin", first.Password.Reveal(), away)
	must(t, err)
	if admin.ID != first.Admin.ID || !admin.LastLoginAt.Equal(noon.Add(time.Hour)) || grant.Session.Kind != store.ActorAdmin ||
		grant.Session.Subject != admin.ID || !grant.Session.ExpiresAt.Equal(noon.Add(13*time.Hour)) {
		t.Errorf("%+v, %+v", admin, grant.Session)
	}
	if stored, err := admins.Get(t.Context(), admin.ID); err != nil || !stored.LastLoginAt.Equal(admin.LastLoginAt) {
		t.Errorf("%+v, %v", stored, err)
	}
	events := h.events("admin.login")
	if len(events) != 1 || events[0].ActorKind != store.ActorAdmin || events[0].ActorID != admin.ID || events[0].Target != (store.Target{Kind: "admin", ID: admin.ID}) {
		t.Errorf("the trail: %+v", events)
	}
}

// The refusals of admins are alike, and those of users: a user's name is none of
// an admin's, nor the other way round.
func TestCase_EN_01_RefusalsOfAdminsAreAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	h.register("alice")
	_, _, want := admins.SignIn(t.Context(), "admin", "wrong", away)
	for _, name := range []string{"nobody", "alice", "alice@example.com", "", "not a name", first.Admin.ID, strings.Repeat("x", 5000), "\x00"} {
		for _, password := range []string{"wrong", goodPassword} {
			_, _, err := admins.SignIn(t.Context(), name, password, away)
			if !errors.Is(err, store.ErrInvalidCredentials) || err.Error() != want.Error() {
				t.Errorf("%.20q: %v, want %v", name, err, want)
			}
		}
	}
	if code := h.code("admin", first.Password.Reveal(), away); code != store.ErrInvalidCredentials {
		t.Errorf("an admin at the users' door: %s", code)
	}
	failed := h.events("admin.login_failed")
	if len(failed) == 0 || failed[0].Target.Kind != "admin" || len(h.events("user.login_failed")) != 1 {
		t.Errorf("%d failures of admins in the trail", len(failed))
	}
}

func TestCase_EN_02_RefusalsOfAdminsTakeTheirTime(t *testing.T) {
	t.Parallel()
	const floor = 40 * time.Millisecond
	h := newHouse(t, func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Floor: floor})
		must(t, err)
		c.Hasher, c.Lockout = hasher, store.SignInRule{Limit: 1, Window: time.Minute}
	})
	admins, first := h.admins()
	for _, tt := range []struct {
		name, password string
		code           store.Code
	}{
		{"admin", "wrong", store.ErrInvalidCredentials},
		{"admin", first.Password.Reveal(), store.ErrLocked},
		{"nobody", "wrong", store.ErrInvalidCredentials},
		{"nobody", "wrong", store.ErrLocked},
		{"not a name", strings.Repeat("x", 2000), store.ErrInvalidCredentials},
	} {
		began := time.Now()
		_, _, err := admins.SignIn(t.Context(), tt.name, tt.password, away)
		if took := time.Since(began); took < floor || store.CodeOf(err) != tt.code {
			t.Errorf("%s: %v after %v, want %s", tt.name, err, took, tt.code)
		}
	}
}

// Whoever locks a name at one door has not locked it at the other.
func TestCase_LK_01_LockoutOfAdmins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	for _, name := range []string{"admin", "nobody"} {
		for range 10 {
			if _, _, err := admins.SignIn(t.Context(), name, "wrong", away); !errors.Is(err, store.ErrInvalidCredentials) {
				t.Fatal(name, err)
			}
		}
		if _, _, err := admins.SignIn(t.Context(), name, first.Password.Reveal(), away); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code := h.code("nobody", "wrong", away); code != store.ErrInvalidCredentials {
		t.Errorf("the same name at the users' door: %s", code)
	}
	h.pass(15 * time.Minute)
	if _, _, err := admins.SignIn(t.Context(), "admin", first.Password.Reveal(), away); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestCase_LK_02_GuessesAtAnAdminConcurrently(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, _ := h.admins()
	var mu sync.Mutex
	codes := map[store.Code]int{}
	var guesses sync.WaitGroup
	for range 50 {
		guesses.Go(func() {
			_, _, err := admins.SignIn(t.Context(), "admin", "wrong", away)
			mu.Lock()
			defer mu.Unlock()
			codes[store.CodeOf(err)]++
		})
	}
	guesses.Wait()
	if codes[store.ErrInvalidCredentials] != 10 || codes[store.ErrLocked] != 40 {
		t.Errorf("%v", codes)
	}
}

func TestSuspendedAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	a := first.Admin
	a.Status = store.Suspended
	must(t, h.store.AdminUpdate(t.Context(), a))
	for password, code := range map[string]store.Code{"wrong": store.ErrInvalidCredentials, first.Password.Reveal(): store.ErrSuspended} {
		if _, _, err := admins.SignIn(t.Context(), "admin", password, home); store.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
}

func TestNewAdmins_NamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := account.NewAdmins(account.Config{})
	for _, field := range []string{"Store", "Door", "Trail", "Hasher", "Keyring", "Sessions"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	if strings.Contains(err.Error(), "Seal") || strings.Contains(err.Error(), "DefaultPlan") {
		t.Errorf("%v asks for what admins do not need", err)
	}
}
