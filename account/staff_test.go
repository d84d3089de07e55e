package account_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const operatorPassword = "a long way down the river"

// member makes a member of the support staff, with operatorPassword.
func (h *house) member(username string, level store.StaffLevel) (*account.Staff, store.Staff) {
	h.t.Helper()
	service, err := account.NewStaff(h.cfg)
	must(h.t, err)
	member, err := service.Create(h.t.Context(), store.System(), account.NewStaffMember{
		Name: "Sam", Username: username, Email: username + "@example.com", Level: level, Password: operatorPassword,
	})
	must(h.t, err)
	return service, member
}

func TestStaffSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.PasswordLoginDisabled = true })
	service, sam := h.member("sam", store.StaffAgent)
	h.pass(time.Hour)
	for _, name := range []string{"Sam", "SAM@example.com"} {
		member, grant, err := service.SignIn(t.Context(), name, operatorPassword, away)
		must(t, err)
		if member.ID != sam.ID || !member.LastLoginAt.Equal(noon.Add(time.Hour)) || grant.Session.Kind != store.ActorStaff ||
			grant.Session.Subject != sam.ID || !grant.Session.ExpiresAt.Equal(noon.Add(13*time.Hour)) {
			t.Errorf("%+v, %+v", member, grant.Session)
		}
	}
	if stored, err := service.Get(t.Context(), sam.ID); err != nil || !stored.LastLoginAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v", stored, err)
	}
	events := h.events("staff.login")
	if len(events) != 2 || events[0].ActorKind != store.ActorStaff || events[0].ActorID != sam.ID || events[0].Target != (store.Target{Kind: "staff", ID: sam.ID}) {
		t.Errorf("the trail: %+v", events)
	}
}

// The refusals of staff are alike, and those of admins: a name of another kind is
// unknown, whatever its password is.
func TestCase_EN_01_RefusalsOfStaffAreAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	service, sam := h.member("sam", store.StaffLead)
	h.register("alice")
	_, _, want := admins.SignIn(t.Context(), "nobody", "wrong", away)
	for _, name := range []string{"sam", "nobody", "alice", "alice@example.com", "admin", "", "not a name", sam.ID, strings.Repeat("x", 5000), "\x00"} {
		for _, password := range []string{"wrong", goodPassword, first.Password.Reveal()} {
			_, _, err := service.SignIn(t.Context(), name, password, away)
			if !errors.Is(err, store.ErrInvalidCredentials) || err.Error() != want.Error() {
				t.Errorf("%.20q: %v, want %v", name, err, want)
			}
		}
	}
	if code := h.code("sam", operatorPassword, away); code != store.ErrInvalidCredentials {
		t.Errorf("staff at the users' door: %s", code)
	}
	if _, _, err := admins.SignIn(t.Context(), "sam", operatorPassword, away); !errors.Is(err, store.ErrInvalidCredentials) {
		t.Errorf("staff at the admins' door: %v", err)
	}
	for _, e := range h.events("staff.login_failed") {
		if e.Target.Kind != "staff" || e.ActorKind != store.ActorAnonymous {
			t.Errorf("the trail: %+v", e)
		}
	}
}

func TestCase_EN_02_RefusalsOfStaffTakeTheirTime(t *testing.T) {
	t.Parallel()
	const floor = 40 * time.Millisecond
	h := newHouse(t, func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4, Floor: floor})
		must(t, err)
		c.Hasher, c.Lockout = hasher, store.SignInRule{Limit: 1, Window: time.Minute}
	})
	service, _ := h.member("sam", store.StaffLead)
	_, sue := h.member("sue", store.StaffLead)
	must(t, suspendMember(h, service, sue.ID))
	for _, tt := range []struct {
		name, password string
		code           store.Code
	}{
		{"sam", "wrong", store.ErrInvalidCredentials},
		{"sam", operatorPassword, store.ErrLocked},
		{"nobody", "wrong", store.ErrInvalidCredentials},
		{"nobody", "wrong", store.ErrLocked},
		{"sue", operatorPassword, store.ErrSuspended},
		{"not a name", strings.Repeat("x", 2000), store.ErrInvalidCredentials},
	} {
		began := time.Now()
		_, _, err := service.SignIn(t.Context(), tt.name, tt.password, away)
		if took := time.Since(began); took < floor || store.CodeOf(err) != tt.code {
			t.Errorf("%s: %v after %v, want %s", tt.name, err, took, tt.code)
		}
	}
}

func suspendMember(h *house, service *account.Staff, id string) error {
	status := store.Suspended
	_, err := service.Update(h.t.Context(), store.System(), id, account.StaffUpdate{Status: &status})
	return err
}

// Whoever locks a name at one door has not locked it at another.
func TestCase_LK_01_LockoutOfStaff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, _ := h.member("admin", store.StaffLead) // a name that the first admin has too
	admins, first := h.admins()
	for _, name := range []string{"admin", "nobody"} {
		for range 10 {
			if _, _, err := service.SignIn(t.Context(), name, "wrong", away); !errors.Is(err, store.ErrInvalidCredentials) {
				t.Fatal(name, err)
			}
		}
		if _, _, err := service.SignIn(t.Context(), name, operatorPassword, away); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code := h.code("nobody", "wrong", away); code != store.ErrInvalidCredentials {
		t.Errorf("the same name at the users' door: %s", code)
	}
	if _, _, err := admins.SignIn(t.Context(), "admin", first.Password.Reveal(), away); err != nil {
		t.Errorf("the same name at the admins' door: %v", err)
	}
	h.pass(15 * time.Minute)
	if _, _, err := service.SignIn(t.Context(), "admin", operatorPassword, away); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestCase_LK_02_GuessesAtStaffConcurrently(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, _ := h.member("sam", store.StaffLead)
	var mu sync.Mutex
	codes := map[store.Code]int{}
	var guesses sync.WaitGroup
	for range 50 {
		guesses.Go(func() {
			_, _, err := service.SignIn(t.Context(), "sam", "wrong", away)
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

// A suspension is said to the right password only, and ends with another update.
func TestSuspendedStaff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, sam := h.member("sam", store.StaffLead)
	_, _, err := service.SignIn(t.Context(), "sam", operatorPassword, home)
	must(t, err)
	must(t, suspendMember(h, service, sam.ID))
	if h.live(sam.ID) != 0 {
		t.Error("a session outlives the suspension")
	}
	for password, code := range map[string]store.Code{"wrong": store.ErrInvalidCredentials, operatorPassword: store.ErrSuspended} {
		if _, _, err := service.SignIn(t.Context(), "sam", password, home); store.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	active := store.Active
	_, err = service.Update(t.Context(), store.System(), sam.ID, account.StaffUpdate{Status: &active})
	must(t, err)
	if _, _, err := service.SignIn(t.Context(), "sam", operatorPassword, home); err != nil || h.live(sam.ID) != 1 {
		t.Errorf("%v, %d sessions", err, h.live(sam.ID))
	}
}

// explained reports whether an error says what was wrong, beside its code.
func explained(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	return ok && (e.Detail != "" || len(e.Fields) > 0)
}

func TestStaffCreate_Rules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	service, _ := h.member("sam", store.StaffViewer)
	good := account.NewStaffMember{Name: "Ann", Username: "ann", Email: "ann@example.com", Level: store.StaffViewer, Password: operatorPassword}
	for name, tt := range map[string]struct {
		spoil func(*account.NewStaffMember)
		code  store.Code
	}{
		"no name":        {func(m *account.NewStaffMember) { m.Name = "" }, store.ErrValidation},
		"two lines":      {func(m *account.NewStaffMember) { m.Name = "a\nb" }, store.ErrValidation},
		"level 0":        {func(m *account.NewStaffMember) { m.Level = 0 }, store.ErrValidation},
		"level 4":        {func(m *account.NewStaffMember) { m.Level = 4 }, store.ErrValidation},
		"no username":    {func(m *account.NewStaffMember) { m.Username = "" }, store.ErrValidation},
		"no address":     {func(m *account.NewStaffMember) { m.Email = "ann" }, store.ErrValidation},
		"no password":    {func(m *account.NewStaffMember) { m.Password = "" }, store.ErrWeakPassword},
		"14 characters":  {func(m *account.NewStaffMember) { m.Password = "fourteen chars" }, store.ErrWeakPassword},
		"the own name":   {func(m *account.NewStaffMember) { m.Username = "superuser.one.two"; m.Password = "superuser.one.two" }, store.ErrWeakPassword},
		"a name in use":  {func(m *account.NewStaffMember) { m.Username = "SAM" }, store.ErrUsernameTaken},
		"a used address": {func(m *account.NewStaffMember) { m.Email = "Sam@Example.com" }, store.ErrEmailTaken},
	} {
		in := good
		tt.spoil(&in)
		if _, err := service.Create(t.Context(), store.System(), in); store.CodeOf(err) != tt.code || !explained(err) {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
	bad := account.NewStaffMember{Username: "a b", Email: "x", Level: 9, Password: "x\x00"}
	_, err := service.Create(t.Context(), store.System(), bad)
	if e, _ := errors.AsType[*store.Error](err); e == nil || len(e.Fields) != 5 {
		t.Errorf("what is wrong with %+v: %v", bad, err)
	}
	if _, err := service.Create(t.Context(), store.System(), good); err != nil {
		t.Errorf("nothing of the refused ones holds a name: %v", err)
	}
}
