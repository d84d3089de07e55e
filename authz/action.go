package authz

// Action names one thing a caller may ask for. Where the action is a change, it
// has the name that the change bears in the audit trail, so that a refusal and
// a success are found under one word.
type Action string

// What anybody may ask for, since it makes or proves a credential.
const (
	Register Action = "user.register"
	SignIn   Action = "user.login"
	Refresh  Action = "session.refresh"
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

// What users ask for about their sessions.
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
