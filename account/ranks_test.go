package account_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// TestCase_AZ_02_WhoActsOnAdmins has everybody do everything to everybody. What
// is allowed is done to an account made for it.
func TestCase_AZ_02_WhoActsOnAdmins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	owner := first.Admin
	keeper := newAdmin(t, admins, "keeper", "admins", "users") // of admins, and no owner
	lead := newAdmin(t, admins, "lead", "staff")
	away := newAdmin(t, admins, "away", "owner")
	_, err := admins.Update(t.Context(), store.System(), away.ID, account.AdminUpdate{Status: ref(store.Suspended)})
	must(t, err)
	_, helper := h.member("helper", store.StaffLead)
	kind := func(k store.ActorKind, id string) store.Actor { return store.Actor{Kind: k, ID: id} }
	mayAll, mayNothing := []string{"", "", "", "", ""}, slices.Repeat([]string{"forbidden"}, 5)
	n := 0
	victim := func(permissions ...string) store.Admin {
		n++
		return newAdmin(t, admins, fmt.Sprint("victim", n), permissions...)
	}
	for who, tt := range map[string]struct {
		actor         store.Actor
		lower, owners []string // what becomes of the five acts on an admin, and on an owner
	}{
		"the system":                {store.System(), mayAll, mayAll},
		"an owner":                  {asAdmin(owner), mayAll, mayAll},
		"one with admins":           {asAdmin(keeper), mayNothing, mayNothing},
		"one without":               {asAdmin(lead), mayNothing, mayNothing},
		"a suspended owner":         {asAdmin(away), mayNothing, mayNothing},
		"nobody":                    {asAdmin(store.Admin{ID: "adm_none"}), mayNothing, mayNothing},
		"staff":                     {kind(store.ActorStaff, helper.ID), mayNothing, mayNothing},
		"staff that is an owner":    {kind(store.ActorStaff, owner.ID), mayNothing, mayNothing},
		"a user with an owner's id": {kind(store.ActorUser, owner.ID), mayNothing, mayNothing},
		"a service":                 {kind(store.ActorService, owner.ID), mayNothing, mayNothing},
		"whoever is not signed in":  {store.Actor{Kind: store.ActorAnonymous}, mayNothing, mayNothing},
		"no actor":                  {store.Actor{}, mayNothing, mayNothing},
	} {
		for rank, want := range map[string][]string{"users": tt.lower, "owner": tt.owners} {
			var got []string
			for _, in := range []account.AdminUpdate{
				{Username: ref(fmt.Sprint("renamed", n))}, {Permissions: &[]string{"tasks"}}, {Status: ref(store.Suspended)}, {Password: ref("another way down the river")},
			} {
				_, err := admins.Update(t.Context(), tt.actor, victim(rank).ID, in)
				got = append(got, string(store.CodeOf(err)))
			}
			got = append(got, string(store.CodeOf(admins.Delete(t.Context(), tt.actor, victim(rank).ID))))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("AZ-02 %s on one with %s: %s", who, rank, diff)
			}
		}
	}
}

// TestCase_AZ_02_WhoGrantsWhat: nobody grants what he has not himself, and only
// owners make owners.
func TestCase_AZ_02_WhoGrantsWhat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	keeper := newAdmin(t, admins, "keeper", "admins", "users")
	n := 0
	create := func(by store.Actor, permissions ...string) (store.Admin, error) {
		n++
		return admins.Create(t.Context(), by, account.NewAdmin{Username: fmt.Sprint("made", n), Permissions: permissions, Password: operatorPassword})
	}
	for _, tt := range []struct {
		permissions []string
		keeper      store.Code
		kept        []string
	}{
		{nil, "", nil},
		{[]string{"users"}, "", []string{"users"}},
		{[]string{"users", "admins", "users"}, "", []string{"admins", "users"}},
		{[]string{"users", "staff"}, store.ErrForbidden, []string{"staff", "users"}},
		{[]string{"owner"}, store.ErrForbidden, []string{"owner"}},
		{[]string{"owner", "admins"}, store.ErrForbidden, []string{"admins", "owner"}},
		{[]string{"root"}, store.ErrValidation, nil},
		{[]string{"Owner"}, store.ErrValidation, nil},
		{[]string{""}, store.ErrValidation, nil},
	} {
		if _, err := create(asAdmin(keeper), tt.permissions...); store.CodeOf(err) != tt.keeper {
			t.Errorf("AZ-02 %v by one with admins and users: %v", tt.permissions, err)
		}
		made, err := create(asAdmin(first.Admin), tt.permissions...)
		if tt.keeper == store.ErrValidation {
			if !errors.Is(err, store.ErrValidation) {
				t.Errorf("%v: %v", tt.permissions, err)
			}
			continue
		}
		must(t, err)
		stored, err := admins.Get(t.Context(), made.ID)
		must(t, err)
		if !slices.Equal(stored.Permissions, tt.kept) || !slices.Equal(made.Permissions, tt.kept) {
			t.Errorf("%v is kept as %v", tt.permissions, stored.Permissions)
		}
	}
}

// TestCase_AZ_02_OnOneself: of his own account an admin changes the names, and an
// owner the rest too, for as long as another one stays.
func TestCase_AZ_02_OnOneself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	keeper := newAdmin(t, admins, "keeper", "admins")
	second := newAdmin(t, admins, "second", "owner")
	do := func(who store.Admin, in account.AdminUpdate) store.Code {
		_, err := admins.Update(t.Context(), asAdmin(who), who.ID, in)
		return store.CodeOf(err)
	}
	for name, tt := range map[string]struct {
		in     account.AdminUpdate
		keeper store.Code
	}{
		"names":       {account.AdminUpdate{Username: ref("renamed"), Email: ref("r@example.com")}, ""},
		"permissions": {account.AdminUpdate{Permissions: &[]string{"admins", "users"}}, store.ErrForbidden},
		"the same":    {account.AdminUpdate{Permissions: &[]string{"admins"}}, store.ErrForbidden},
		"fewer":       {account.AdminUpdate{Username: ref("other"), Permissions: &[]string{}}, store.ErrForbidden},
		"status":      {account.AdminUpdate{Status: ref(store.Suspended)}, store.ErrForbidden},
		"password":    {account.AdminUpdate{Password: ref("another way down the river")}, store.ErrForbidden},
	} {
		if code := do(keeper, tt.in); code != tt.keeper {
			t.Errorf("AZ-02 %s: %q, want %q", name, code, tt.keeper)
		}
	}
	if err := admins.Delete(t.Context(), asAdmin(keeper), keeper.ID); !errors.Is(err, store.ErrForbidden) {
		t.Errorf("AZ-02 deletes himself: %v", err)
	}
	if code := do(first.Admin, account.AdminUpdate{Password: ref("another way down the river")}); code != store.ErrForbidden {
		t.Errorf("an owner resets his own password: %q", code)
	}
	if code := do(first.Admin, account.AdminUpdate{Permissions: &[]string{"owner", "users"}}); code != "" {
		t.Errorf("an owner stays one: %q", code)
	}
	if code := do(first.Admin, account.AdminUpdate{Permissions: &[]string{"users"}}); code != "" {
		t.Errorf("one of two owners steps down: %q", code)
	}
	for what, code := range map[string]store.Code{
		"steps down":     do(second, account.AdminUpdate{Permissions: &[]string{"admins"}}),
		"is suspended":   do(second, account.AdminUpdate{Status: ref(store.Suspended)}),
		"deletes itself": store.CodeOf(admins.Delete(t.Context(), asAdmin(second), second.ID)),
		"by the system":  store.CodeOf(admins.Delete(t.Context(), store.System(), second.ID)),
	} {
		if code != store.ErrLastOwner {
			t.Errorf("AZ-09 the last owner %s: %q", what, code)
		}
	}
	if code := do(second, account.AdminUpdate{Username: ref("still"), Status: ref(store.Active)}); code != "" {
		t.Errorf("the last owner is renamed: %q", code)
	}
	// Another owner who is suspended is none that stays.
	third := newAdmin(t, admins, "third", "owner")
	_, err := admins.Update(t.Context(), asAdmin(second), third.ID, account.AdminUpdate{Status: ref(store.Suspended)})
	must(t, err)
	if err := admins.Delete(t.Context(), asAdmin(second), second.ID); !errors.Is(err, store.ErrLastOwner) {
		t.Errorf("AZ-09 beside a suspended owner: %v", err)
	}
	must(t, admins.Delete(t.Context(), asAdmin(second), third.ID)) // he was none of the active ones
}

// TestCase_AZ_02_WhoActsOnStaff: admins with the permission do, and what counts is
// what they have at that moment.
func TestCase_AZ_02_WhoActsOnStaff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admins, first := h.admins()
	lead := newAdmin(t, admins, "lead", "staff")
	service, helper := h.member("helper", store.StaffLead)
	n := 0
	act := func(by store.Actor) (codes [3]store.Code) {
		n++
		_, victim := h.member(fmt.Sprint("victim", n), store.StaffViewer)
		_, err := service.Create(t.Context(), by, account.NewStaffMember{Name: "M", Username: fmt.Sprint("made", n), Level: store.StaffLead, Password: operatorPassword})
		codes[0] = store.CodeOf(err)
		_, err = service.Update(t.Context(), by, victim.ID, account.StaffUpdate{Level: ref(store.StaffLead)})
		codes[1] = store.CodeOf(err)
		codes[2] = store.CodeOf(service.Delete(t.Context(), by, victim.ID))
		return codes
	}
	forbidden := [3]store.Code{store.ErrForbidden, store.ErrForbidden, store.ErrForbidden}
	for who, tt := range map[string]struct {
		actor store.Actor
		want  [3]store.Code
	}{
		"the system":      {store.System(), [3]store.Code{}},
		"an owner":        {asAdmin(first.Admin), [3]store.Code{}},
		"one with staff":  {asAdmin(lead), [3]store.Code{}},
		"one with admins": {asAdmin(newAdmin(t, admins, "keeper", "admins", "users")), forbidden},
		"a lead":          {store.Actor{Kind: store.ActorStaff, ID: helper.ID}, forbidden},
		"a user":          {store.Actor{Kind: store.ActorUser, ID: lead.ID}, forbidden},
		"no actor":        {store.Actor{}, forbidden},
	} {
		if got := act(tt.actor); got != tt.want {
			t.Errorf("AZ-02 %s: %v", who, got)
		}
	}
	_, err := admins.Update(t.Context(), asAdmin(first.Admin), lead.ID, account.AdminUpdate{Permissions: &[]string{"users"}})
	must(t, err)
	if got := act(asAdmin(lead)); got != forbidden {
		t.Errorf("AZ-02 one who no longer has the permission: %v", got)
	}
}

// TestCase_AZ_09_S6_TheLastOwnerStays has two owners remove each other at once, on
// two instances over one database, by every way there is and also by the system,
// whom no rank stops.
func TestCase_AZ_09_S6_TheLastOwnerStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	var instances []*account.Admins
	for range 2 {
		db, err := sqlite.Open(t.Context(), path, nil)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		admins, _ := moveIn(t, db).admins()
		instances = append(instances, admins)
	}
	ways := []func(a *account.Admins, by store.Actor, id string) error{
		func(a *account.Admins, by store.Actor, id string) error { return a.Delete(t.Context(), by, id) },
		func(a *account.Admins, by store.Actor, id string) error {
			_, err := a.Update(t.Context(), by, id, account.AdminUpdate{Permissions: &[]string{"admins"}})
			return err
		},
		func(a *account.Admins, by store.Actor, id string) error {
			_, err := a.Update(t.Context(), by, id, account.AdminUpdate{Status: ref(store.Suspended)})
			return err
		},
	}
	codes := map[store.Code]int{}
	for round := range 100 {
		pair := activeOwners(t, instances[0])
		for len(pair) < 2 {
			pair = append(pair, newAdmin(t, instances[0], fmt.Sprintf("owner-%d-%d", round, len(pair)), "owner"))
		}
		var mu sync.Mutex
		var running sync.WaitGroup
		for i, instance := range instances {
			by, other := asAdmin(pair[i]), pair[1-i].ID
			if round%2 == 1 {
				by = store.System()
			}
			way := ways[(round/2+i*round/6)%len(ways)]
			running.Go(func() {
				err := way(instance, by, other)
				mu.Lock()
				defer mu.Unlock()
				codes[store.CodeOf(err)]++
			})
		}
		running.Wait()
		if left := activeOwners(t, instances[1]); len(left) != 1 {
			t.Fatalf("AZ-09 round %d: %d active owners are left", round, len(left))
		}
	}
	if codes[""] != 100 || codes[store.ErrLastOwner] != 50 || codes[store.ErrForbidden]+codes[store.ErrNotFound] != 50 {
		t.Errorf("AZ-09 %v", codes)
	}
}

func activeOwners(t *testing.T, admins *account.Admins) (owners []store.Admin) {
	t.Helper()
	for p := (store.Page{Limit: store.MaxLimit}); ; {
		list, err := admins.List(t.Context(), p)
		must(t, err)
		for _, a := range list.Items {
			if a.Status == store.Active && slices.Contains(a.Permissions, "owner") {
				owners = append(owners, a)
			}
		}
		if p.After = list.Next; p.After == (store.Position{}) {
			return owners
		}
	}
}
