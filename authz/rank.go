package authz

import (
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Rank orders accounts: one acts on strictly lower ranks only, and owners also on
// owners.
type Rank int

// The ranks. Those of support staff are its levels.
const (
	RankUser  Rank = 0
	RankAdmin Rank = Rank(store.StaffLead) + 1
	RankOwner Rank = RankAdmin + 1
)

// RankOfStaff is the rank of a level of the support staff.
func RankOfStaff(level store.StaffLevel) Rank { return Rank(level) }

// RankOfAdmin is the rank of an admin with some permissions.
func RankOfAdmin(permissions []string) Rank {
	if slices.Contains(permissions, authn.PermissionOwner) {
		return RankOwner
	}
	return RankAdmin
}

// CheckRank refuses what somebody may not do to somebody (ErrForbidden).
func CheckRank(by, target Rank) error {
	if by > target || by == RankOwner && target == RankOwner {
		return nil
	}
	return store.Errorf(store.ErrForbidden, "The account is of your own rank or a higher one.")
}

// CheckGrantedPermissions refuses permissions that whoever gives them does not
// have himself (ErrForbidden). Owners have all, and only they make owners.
func CheckGrantedPermissions(has, wants []string) error {
	if slices.Contains(has, authn.PermissionOwner) {
		return nil
	}
	for _, permission := range wants {
		if !slices.Contains(has, permission) {
			return store.Errorf(store.ErrForbidden, "Nobody grants a permission that he does not have.")
		}
	}
	return nil
}
