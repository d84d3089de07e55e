package authz

// Action names one thing a caller may ask for. Where the action is a change, it
// has the name that the change bears in the audit trail, so that a refusal and
// a success are found under one word.
type Action string

// What anybody may ask for, since it makes or proves a credential.
const (
	Register    Action = "user.register"
	SignIn      Action = "user.login"
	SignInAdmin Action = "admin.login"
	Refresh     Action = "session.refresh"
)

// What users ask for about themselves.
const (
	ReadProfile    Action = "user.read"
	UpdateProfile  Action = "user.update"
	ChangePassword Action = "user.password"
	DeleteAccount  Action = "user.delete"
	ReadUsage      Action = "usage.read"
	ReadMessages   Action = "message.read"
)

// What somebody who signed in asks for about his sessions.
const (
	SignOut        Action = "session.logout"
	ReadSessions   Action = "session.read"
	RevokeSessions Action = "session.revoke"
)

// What users ask for about their API keys.
const (
	ReadKeys  Action = "key.read"
	CreateKey Action = "key.create"
	UpdateKey Action = "key.update"
	RotateKey Action = "key.rotate"
	EnableKey Action = "key.enable"
	RevokeKey Action = "key.revoke"
)

// What admins ask for about themselves.
const ReadAdmin Action = "admin.read"

// What admins ask for about the keys of services.
const (
	ReadServiceKeys  Action = "service_key.read"
	CreateServiceKey Action = "service_key.create"
	RevokeServiceKey Action = "service_key.revoke"
)

// What admins ask for about users.
const GrantCredits Action = "user.credits"

// What services ask for on behalf of users.
const (
	Consume        Action = "usage.consume"
	Reserve        Action = "usage.reserve" // and what becomes of a reservation
	AppendMessages Action = "message.append"
)
