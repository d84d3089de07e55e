package authz

import (
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// rule is one row of the table: a column a kind of caller, and the zero column
// admits nobody.
type rule struct {
	anyone  bool // no credential is needed, and none is read
	user    userRule
	staff   store.StaffLevel // the least that may; zero: none
	admin   adminRule
	service string // the scope that a service key needs
	reason  bool   // staff and admins must say why
}

// userRule says by which credentials a user may. Access tokens have all scopes.
type userRule struct {
	token bool     // by an access token
	key   []string // by an API key with any one of these scopes; none: never by a key
}

// byToken admits an access token and no key at all.
var byToken = userRule{token: true}

// byKey also admits keys that have one of the scopes.
func byKey(scopes ...string) userRule { return userRule{token: true, key: scopes} }

// adminRule says which admins may.
type adminRule struct {
	any         bool     // whatever his permissions are
	permissions []string // who has any one of these
}

var anyAdmin = adminRule{any: true}

// with admits admins who have one of the permissions.
func with(permissions ...string) adminRule { return adminRule{permissions: permissions} }

// ruleOf is the table. An action without a row is allowed to nobody.
func ruleOf(a Action) (rule, bool) {
	for _, part := range []func(Action) (rule, bool){ruleOfSelf, ruleOfDesk, ruleOfPeople, ruleOfService} {
		if r, ok := part(a); ok {
			return r, true
		}
	}
	return rule{}, false
}

// ruleOfSelf has what callers ask for about themselves. Of what stands on other
// routes too, it has those columns.
func ruleOfSelf(a Action) (rule, bool) {
	switch a {
	case Register, SignIn, SignInStaff, SignInAdmin, Refresh:
		return rule{anyone: true}, true
	case ReadSelf:
		return rule{staff: store.StaffViewer, admin: anyAdmin}, true
	case SignOut, ChangePassword:
		// Whoever finds a key must not be able to take the account with it.
		return rule{user: byToken, staff: store.StaffViewer, admin: anyAdmin}, true

	case Reauth:
		return rule{user: byToken}, true

	case ReadProfile:
		return rule{user: byKey(authn.ScopeAccountRead), staff: store.StaffViewer, admin: with(authn.PermissionUsers)}, true
	case UpdateProfile:
		return rule{user: byKey(authn.ScopeAccountWrite), admin: with(authn.PermissionUsers)}, true
	case DeleteAccount:
		return rule{user: byToken, admin: with(authn.PermissionUsers), reason: true}, true
	case ExportUsers:
		return rule{user: byToken, admin: with(authn.PermissionUsers)}, true
	case ReadUsage, ReadCredits:
		return rule{user: byKey(authn.ScopeUsageRead), staff: store.StaffViewer, admin: with(authn.PermissionUsers)}, true
	case ReadMessages:
		return rule{user: byKey(authn.ScopeMessagesRead), staff: store.StaffAgent, admin: with(authn.PermissionUsers, authn.PermissionMessages)}, true
	case ReadSessions:
		return rule{user: byToken, staff: store.StaffViewer, admin: with(authn.PermissionUsers)}, true
	case RevokeSessions:
		return rule{user: byToken, staff: store.StaffAgent, admin: with(authn.PermissionUsers), reason: true}, true
	case ReadKeys:
		return rule{user: byKey(authn.ScopeAccountRead, authn.ScopeKeysManage), staff: store.StaffViewer, admin: with(authn.PermissionUsers)}, true
	case RevokeKey:
		return rule{user: byKey(authn.ScopeKeysManage), staff: store.StaffAgent, admin: with(authn.PermissionUsers), reason: true}, true
	case CreateKey, UpdateKey, RotateKey, EnableKey:
		return rule{user: byKey(authn.ScopeKeysManage)}, true
	}
	return rule{}, false
}

// ruleOfDesk has what staff and admins ask for about users.
func ruleOfDesk(a Action) (rule, bool) {
	users := with(authn.PermissionUsers)
	switch a {
	case ListUsers, ReadUserAudit:
		return rule{staff: store.StaffViewer, admin: users}, true
	case SuspendUser, ReactivateUser, UnlockUser, ResetPassword:
		return rule{staff: store.StaffAgent, admin: users, reason: true}, true
	case SetLimits, ResetUsage, GrantCredits:
		return rule{staff: store.StaffLead, admin: users, reason: true}, true
	case ChangeUsers, RestoreUser, PurgeUser:
		return rule{admin: users, reason: true}, true
	case CreateUser, ImportUsers, ReadDeleted, ReadStats:
		return rule{admin: users}, true
	}
	return rule{}, false
}

// ruleOfPeople has what admins ask for about support staff and each other.
func ruleOfPeople(a Action) (rule, bool) {
	switch a {
	case ReadStaff, CreateStaff, UpdateStaff, DeleteStaff:
		return rule{admin: with(authn.PermissionStaff)}, true
	case ReadAdmins, CreateAdmin, UpdateAdmin, DeleteAdmin:
		return rule{admin: with(authn.PermissionAdmins)}, true
	}
	return rule{}, false
}

// ruleOfService has what admins ask for about the service, and services for
// users.
func ruleOfService(a Action) (rule, bool) {
	switch a {
	case ReadPlans, CreatePlan, UpdatePlan, DeletePlan:
		return rule{admin: with(authn.PermissionPlans)}, true
	case ReadServiceKeys, CreateServiceKey, RevokeServiceKey, ReadAllowlist, SetAllowlist:
		return rule{admin: with(authn.PermissionSettings)}, true
	case ListMessages, ExportMessages, DeleteMessages:
		return rule{admin: with(authn.PermissionMessages)}, true
	case ReadAudit, VerifyAudit, AnchorAudit, ExportAudit:
		return rule{admin: with(authn.PermissionAudit)}, true
	case ReadTasks, RunTask, CreateBackup:
		return rule{admin: with(authn.PermissionTasks)}, true
	case Consume, Reserve:
		return rule{service: authn.ScopeMeter}, true
	case AppendMessages:
		return rule{service: authn.ScopeMessages}, true
	}
	return rule{}, false
}
