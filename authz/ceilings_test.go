package authz_test

import (
	"testing"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

func TestCeilings(t *testing.T) {
	t.Parallel()
	c := authz.Ceilings{CreditGrant: 100, CreditDay: 250, HiddenFields: []string{"email"}}
	for _, row := range []struct {
		who    authn.Principal
		amount int64
		day    int64
		code   store.Code
	}{
		{member(3), 100, 250, ""},
		{member(3), 101, 0, store.ErrCeilingExceeded},
		{admin("users"), 1 << 50, -1, ""},
		{admin("owner"), 101, -1, ""},
	} {
		day, err := c.CheckGrant(row.who, row.amount)
		if day != row.day || store.CodeOf(err) != row.code {
			t.Errorf("%s grants %d: %d, %v", row.who.Kind, row.amount, day, err)
		}
	}
	if !c.Hides(member(3), "email") || c.Hides(member(3), "display_name") || c.Hides(admin(), "email") {
		t.Error("what is hidden is not what the ceilings say")
	}
	if err := c.Decide(member(3), authn.KindStaff, authz.ReadMessages); store.CodeOf(err) != store.ErrForbidden {
		t.Errorf("a lead reads messages that are hidden: %v", err)
	}
	if err := c.Decide(admin("messages"), authn.KindAdmin, authz.ReadMessages); err != nil {
		t.Errorf("an admin reads messages: %v", err)
	}
}

func TestCeilings_Validate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		ceilings authz.Ceilings
		ok       bool
	}{
		{authz.Ceilings{}, true},
		{authz.Ceilings{CreditGrant: 1, CreditDay: 0, HiddenFields: authz.HideableFields()}, true},
		{authz.Ceilings{CreditGrant: -1}, false},
		{authz.Ceilings{CreditDay: -1}, false},
		{authz.Ceilings{HiddenFields: []string{"id"}}, false},
	} {
		if err := row.ceilings.Validate(); (err == nil) != row.ok {
			t.Errorf("%+v: %v", row.ceilings, err)
		}
	}
}

// One acts on strictly lower ranks only, and owners also on owners.
func TestCase_AZ_02_Ranks(t *testing.T) {
	t.Parallel()
	ranks := []authz.Rank{
		authz.RankUser, authz.RankOfStaff(1), authz.RankOfStaff(2), authz.RankOfStaff(3),
		authz.RankOfAdmin([]string{"users", "admins"}), authz.RankOfAdmin([]string{"owner"}),
	}
	for i, by := range ranks {
		for j, target := range ranks {
			may := i > j || i == len(ranks)-1 && j == i
			if err := authz.CheckRank(by, target); (err == nil) != may {
				t.Errorf("rank %d on rank %d: %v", i, j, err)
			}
		}
	}
}

func TestGrantedPermissions(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		has, wants []string
		may        bool
	}{
		{[]string{"owner"}, []string{"owner", "users"}, true},
		{[]string{"admins", "users"}, []string{"users"}, true},
		{[]string{"admins", "users"}, nil, true},
		{[]string{"admins", "users"}, []string{"users", "plans"}, false},
		{[]string{"admins"}, []string{"owner"}, false},
	} {
		if err := authz.CheckGrantedPermissions(row.has, row.wants); (err == nil) != row.may {
			t.Errorf("%v grants %v: %v", row.has, row.wants, err)
		}
	}
}
