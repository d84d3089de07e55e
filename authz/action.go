package authz

// Action names one thing a caller may ask for. Where the action is a change, it
// has the name that the change bears in the audit trail, so that a refusal and
// a success are found under one word. One action may stand on the routes of
// several kinds of account: whose record it is about follows from the routes.
type Action string

// What anybody may ask for, since it makes or proves a credential.
const (
	Register    Action = "user.register"
	SignIn      Action = "user.login"
	SignInStaff Action = "staff.login"
	SignInAdmin Action = "admin.login"
	Refresh     Action = "session.refresh"
)

// What everybody who signed in may ask for about himself.
const (
	SignOut        Action = "session.logout"
	ReadSelf       Action = "self.read" // of staff and admins; users have ReadProfile
	ChangePassword Action = "user.password"
)

// What users ask for about themselves, and staff and admins about users.
const (
	ReadProfile    Action = "user.read"
	UpdateProfile  Action = "user.update"
	DeleteAccount  Action = "user.delete"
	ReadUsage      Action = "usage.read"
	ReadCredits    Action = "credits.read"
	ReadMessages   Action = "message.read"
	ReadSessions   Action = "session.read"
	RevokeSessions Action = "session.revoke"
	ReadKeys       Action = "key.read"
	RevokeKey      Action = "key.revoke"
)

// What users ask for about themselves alone: that the password was given.
const Reauth Action = "session.reauth"

// What users ask for about their API keys.
const (
	CreateKey Action = "key.create"
	UpdateKey Action = "key.update"
	RotateKey Action = "key.rotate"
	EnableKey Action = "key.enable"
)

// What staff and admins ask for about users.
const (
	ListUsers      Action = "user.list"
	ReadUserAudit  Action = "user.audit"
	SuspendUser    Action = "user.suspend"
	ReactivateUser Action = "user.reactivate"
	UnlockUser     Action = "user.unlock"
	ResetPassword  Action = "user.password_reset"
	SetLimits      Action = "user.limits"
	ResetUsage     Action = "user.usage_reset"
	GrantCredits   Action = "user.credits"
)

// What admins ask for about users.
const (
	CreateUser  Action = "user.create"
	ImportUsers Action = "user.import"
	ExportUsers Action = "user.export" // all of them; of users, oneself
	ChangeUsers Action = "user.bulk"
	ReadDeleted Action = "user.deleted"
	RestoreUser Action = "user.restore"
	PurgeUser   Action = "user.purge"
	ReadStats   Action = "stats.read"
)

// What admins ask for about support staff and about each other.
const (
	ReadStaff   Action = "staff.read"
	CreateStaff Action = "staff.create"
	UpdateStaff Action = "staff.update"
	DeleteStaff Action = "staff.delete"
	ReadAdmins  Action = "admin.read"
	CreateAdmin Action = "admin.create"
	UpdateAdmin Action = "admin.update"
	DeleteAdmin Action = "admin.delete"
)

// What admins ask for about the service.
const (
	ReadPlans        Action = "plan.read"
	CreatePlan       Action = "plan.create"
	UpdatePlan       Action = "plan.update"
	DeletePlan       Action = "plan.delete"
	ReadServiceKeys  Action = "service_key.read"
	CreateServiceKey Action = "service_key.create"
	RevokeServiceKey Action = "service_key.revoke"
	ListMessages     Action = "message.list"
	ExportMessages   Action = "message.export"
	DeleteMessages   Action = "message.delete"
	ReadAudit        Action = "audit.read"
	VerifyAudit      Action = "audit.verify"
	AnchorAudit      Action = "audit.anchor"
	ExportAudit      Action = "audit.export"
	ReadTasks        Action = "task.read"
	RunTask          Action = "task.run"
	CreateBackup     Action = "backup.create"
	ReadAllowlist    Action = "settings.read"
	SetAllowlist     Action = "settings.ip_allowlist"
)

// What services ask for on behalf of users.
const (
	Consume        Action = "usage.consume"
	Reserve        Action = "usage.reserve" // and what becomes of a reservation
	AppendMessages Action = "message.append"
)
