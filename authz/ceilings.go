package authz

import (
	"errors"
	"fmt"
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Ceilings bound what support staff may do within its levels; admins have none.
// The table is the same in every service, the ceilings are configuration. The
// zero value grants no credits and shows everything but messages.
type Ceilings struct {
	CreditGrant  int64    // micro-units in one grant
	CreditDay    int64    // micro-units that one member of the staff grants in a day, in UTC
	ReadMessages bool     // whether messages of users may be read at all
	HiddenFields []string // of users: members that staff does not see, each one of HideableFields
}

// HideableFields are the members of a user that Ceilings may hide from support
// staff. Hiding email also hides it from search.
func HideableFields() []string {
	return []string{"email", "display_name", "metadata", "time_zone", "last_login_at"}
}

// Validate refuses ceilings below zero and fields that cannot be hidden.
func (c Ceilings) Validate() error {
	if c.CreditGrant < 0 || c.CreditDay < 0 {
		return errors.New("a ceiling of credits is 0 or more")
	}
	for _, field := range c.HiddenFields {
		if !slices.Contains(HideableFields(), field) {
			return fmt.Errorf("a hidden field is one of %v", HideableFields())
		}
	}
	return nil
}

// Hides reports whether a caller does not see a member of a user.
func (c Ceilings) Hides(p authn.Principal, field string) bool {
	return p.Kind == authn.KindStaff && slices.Contains(c.HiddenFields, field)
}

// CheckGrant refuses credits above the ceiling for one grant
// (ErrCeilingExceeded). It also returns what the caller may grant in a day;
// below zero means any amount. Whoever grants holds the sum of the day against
// it, in the transaction.
func (c Ceilings) CheckGrant(p authn.Principal, amount int64) (day int64, err error) {
	if p.Kind != authn.KindStaff {
		return -1, nil
	}
	if amount > c.CreditGrant {
		return 0, store.Errorf(store.ErrCeilingExceeded, "Support staff grants at most %d micro-units at once. Ask an admin.", c.CreditGrant)
	}
	return c.CreditDay, nil
}

// check holds what the table allows against the ceilings.
func (c Ceilings) check(p authn.Principal, a Action) error {
	if p.Kind == authn.KindStaff && a == ReadMessages && !c.ReadMessages {
		return store.Errorf(store.ErrForbidden, "Support staff does not read messages here.")
	}
	return nil
}
