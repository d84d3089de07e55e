package account_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user, grant, err := h.Register(t.Context(), account.Registration{
		Username: "Alice", Email: "Alice@Example.com", Password: goodPassword, DisplayName: "Alice A.", TimeZone: "Europe/Berlin",
	}, home)
	must(t, err)
	want := store.User{
		Username: "alice", Email: "Alice@Example.com", DisplayName: "Alice A.", Status: store.Active, Plan: "free",
		Zone: store.Zone{Name: "Europe/Berlin"}, Metadata: json.RawMessage("{}"), CreatedAt: noon, UpdatedAt: noon,
		LastLoginAt: noon,
	}
	if diff := cmp.Diff(want, user, cmpopts.IgnoreFields(store.User{}, "ID")); diff != "" {
		t.Error(diff)
	}
	stored, err := h.Get(t.Context(), user.ID)
	if must(t, err); !cmp.Equal(stored, user) || !ids.Is(ids.User, user.ID) {
		t.Errorf("stored as %+v", stored)
	}
	if grant.AccessToken == "" || grant.Session.Subject != user.ID || h.live(user.ID) != 1 {
		t.Errorf("the session: %+v", grant)
	}
	events := h.events("")
	if len(events) != 1 || events[0].Action != "user.register" || events[0].ActorID != user.ID || events[0].Target.ID != user.ID ||
		events[0].RequestID != "req_1" || events[0].Detail.IP != "192.0.2.7" {
		t.Errorf("the trail: %+v", events)
	}
	if strings.Contains(string(events[0].Detail.Changes), goodPassword) {
		t.Error("the trail holds the password")
	}
}

func TestCase_PW_01_LengthsOfPasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, password := range map[string]string{
		"eight":   "xk7#Qz!w",
		"sixty4":  strings.Repeat("xk7#Qz!w", 8),
		"hundred": strings.Repeat("xk7#Qz!w", 16),
		"emoji73": strings.Repeat("🦊", 18) + "x",
	} {
		_, _, err := h.Register(t.Context(), account.Registration{Username: name, Password: password}, home)
		must(t, err)
		if code := h.code(name, password, home); code != "" {
			t.Errorf("%s: sign-in: %s", name, code)
		}
	}
	_, _, err := h.Register(t.Context(), account.Registration{Username: "seven", Password: "xk7#Qz!"}, home)
	if rule := broke(t, err, store.ErrWeakPassword, "password", ""); rule != "too_short" {
		t.Errorf("seven code points: %v", err)
	}
}

// Everything that is wrong is named at once; a weak password waits until the
// rest is right.
func TestRegisterNamesEveryFault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tests := map[string]struct {
		in     account.Registration
		code   store.Code
		fields []string
	}{
		"all":       {account.Registration{Username: "a", Email: "b", Password: "c", DisplayName: "\n", TimeZone: "d"}, store.ErrValidation, []string{"username", "email", "display_name", "time_zone"}},
		"no name":   {account.Registration{Password: goodPassword}, store.ErrValidation, []string{"username"}},
		"a NUL":     {account.Registration{Username: "bob", Password: goodPassword + "\x00"}, store.ErrValidation, []string{"password"}},
		"reserved":  {account.Registration{Username: "root", Password: goodPassword}, store.ErrValidation, []string{"username"}},
		"weak":      {account.Registration{Username: "bob", Password: "password1"}, store.ErrWeakPassword, []string{"password"}},
		"none":      {account.Registration{Username: "bob"}, store.ErrWeakPassword, []string{"password"}},
		"the brand": {account.Registration{Username: "bob", Password: "ACMErockets"}, store.ErrWeakPassword, []string{"password"}},
		"the name":  {account.Registration{Username: "Zebedee.Q", Password: "zebedee.q"}, store.ErrWeakPassword, []string{"password"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.Register(t.Context(), tt.in, home)
			e, _ := errors.AsType[*store.Error](err)
			if e == nil || e.Code != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
			if !slices.Equal(fields, tt.fields) {
				t.Errorf("got %v, want %v", fields, tt.fields)
			}
		})
	}
	if events := h.events(""); len(events) != 0 {
		t.Errorf("refusals are in the trail: %+v", events)
	}
}

func TestCase_RC_11_NamesAreUnique(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user, _, err := h.Register(t.Context(), account.Registration{Username: "alice", Email: "User@x.com", Password: goodPassword}, home)
	must(t, err)
	for _, tt := range []struct {
		username, email string
		code            store.Code
	}{
		{"bob", "USER@X.COM", store.ErrEmailTaken},
		{"bob", "user@X.com.", store.ErrEmailTaken},
		{"bob", " user@x.com", store.ErrValidation},
		{"bob", "user@x.com ", store.ErrValidation},
		{"ALICE", "other@x.com", store.ErrUsernameTaken},
		{"alice", "user@x.com", store.ErrUsernameTaken},
	} {
		_, _, err := h.Register(t.Context(), account.Registration{Username: tt.username, Email: tt.email, Password: goodPassword}, home)
		if code := store.CodeOf(err); code != tt.code {
			t.Errorf("%q %q: %v, want %s", tt.username, tt.email, err, tt.code)
		}
	}
	for _, name := range []string{"user@x.com", "USER@X.COM", "User@X.com.", "Alice", "ALICE"} {
		if code := h.code(name, goodPassword, home); code != "" {
			t.Errorf("sign-in as %q: %s", name, code)
		}
	}
	if user.Email != "User@x.com" {
		t.Errorf("stored as %q", user.Email)
	}
}

// Of concurrent registrations of one address on three instances exactly one
// succeeds, and what the others wrote is not there.
func TestCase_RL_18_OneAddressConcurrently(t *testing.T) {
	t.Parallel()
	first := newHouse(t)
	instances := []*house{first, moveIn(t, first.store), moveIn(t, first.store)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[store.Code]int{}
	for i := range 100 {
		wg.Go(func() {
			h := instances[i%len(instances)]
			_, _, err := h.Register(t.Context(), account.Registration{Username: numbered(i), Email: "same@example.com", Password: goodPassword}, home)
			mu.Lock()
			defer mu.Unlock()
			codes[store.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes[""] != 1 || codes[store.ErrEmailTaken] != 99 {
		t.Errorf("ended as %v", codes)
	}
	if events := first.events("user.register"); len(events) != 1 {
		t.Errorf("%d events", len(events))
	}
	held := 0
	for i := range 100 {
		if _, err := first.store.IdentifierGet(t.Context(), store.IdentifierUsername, numbered(i)); err == nil {
			held++
		}
	}
	if held != 1 {
		t.Errorf("%d user names are held", held)
	}
}

func numbered(i int) string { return "user" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

func TestRegistrationClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *account.Config) { c.RegistrationClosed = true })
	_, _, err := h.Register(t.Context(), account.Registration{Username: "bob", Password: goodPassword}, home)
	if !errors.Is(err, store.ErrForbidden) {
		t.Errorf("AZ-13: %v", err)
	}
	if _, err := h.Create(t.Context(), staff, account.Registration{Username: "bob", Password: goodPassword}); err != nil {
		t.Errorf("Create: %v", err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user, err := h.Create(t.Context(), staff, account.Registration{Username: "bob"})
	must(t, err)
	if h.live(user.ID) != 0 || !user.LastLoginAt.IsZero() {
		t.Error("there is a session, or a sign-in")
	}
	if code := h.code("bob", "", home); code != store.ErrInvalidCredentials {
		t.Errorf("without a password: %q", code)
	}
	if events := h.events("user.create"); len(events) != 1 || events[0].ActorID != staff.ID {
		t.Errorf("the trail: %+v", events)
	}
	if _, err := h.Create(t.Context(), staff, account.Registration{Username: "bob"}); !errors.Is(err, store.ErrUsernameTaken) {
		t.Errorf("a second bob: %v", err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := account.New(account.Config{})
	for _, field := range []string{"Store", "Door", "Trail", "Hasher", "Keyring", "Sessions", "Seal", "DefaultPlan"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+" is required") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
