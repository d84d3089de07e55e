package authz

import "github.com/usermgmt/usermgmt/authn"

// rule is one row of the table: a column a kind of caller, and the zero column
// admits nobody.
type rule struct {
	anyone  bool // no credential is needed, and none is read
	user    userRule
	admin   adminRule
	service string // the scope that a service key needs
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
	any        bool   // whatever his permissions are
	permission string // who has this one
}

var anyAdmin = adminRule{any: true}

// with admits admins who have the permission.
func with(permission string) adminRule { return adminRule{permission: permission} }

// ruleOf is the table. An action without a row is allowed to nobody.
func ruleOf(a Action) (rule, bool) {
	switch a {
	case Register, SignIn, SignInAdmin, Refresh:
		return rule{anyone: true}, true

	case ReadProfile:
		return rule{user: byKey(authn.ScopeAccountRead)}, true
	case UpdateProfile:
		return rule{user: byKey(authn.ScopeAccountWrite)}, true
	case ReadUsage:
		return rule{user: byKey(authn.ScopeUsageRead)}, true
	case ReadMessages:
		return rule{user: byKey(authn.ScopeMessagesRead)}, true

	case ReadKeys:
		return rule{user: byKey(authn.ScopeAccountRead, authn.ScopeKeysManage)}, true
	case CreateKey, UpdateKey, RotateKey, EnableKey, RevokeKey:
		return rule{user: byKey(authn.ScopeKeysManage)}, true

	// Whoever finds a key must not be able to take the account with it.
	case ChangePassword, DeleteAccount, ReadSessions, RevokeSessions:
		return rule{user: byToken}, true
	case SignOut:
		return rule{user: byToken, admin: anyAdmin}, true

	case ReadAdmin:
		return rule{admin: anyAdmin}, true
	case ReadServiceKeys, CreateServiceKey, RevokeServiceKey:
		return rule{admin: with(authn.PermissionSettings)}, true
	case GrantCredits:
		return rule{admin: with(authn.PermissionUsers)}, true

	case Consume, Reserve:
		return rule{service: authn.ScopeMeter}, true
	case AppendMessages:
		return rule{service: authn.ScopeMessages}, true
	}
	return rule{}, false
}
