package store

// ActorKind says what sort of caller did something.
type ActorKind string

// The kinds of actor. ActorSystem is upkeep that no one asked for.
const (
	ActorAnonymous ActorKind = "anonymous"
	ActorUser      ActorKind = "user"
	ActorStaff     ActorKind = "staff"
	ActorAdmin     ActorKind = "admin"
	ActorService   ActorKind = "service"
	ActorSystem    ActorKind = "system"
)

// Actor is who did an audited thing, and from where. It may differ from the
// subject of the change.
type Actor struct {
	Kind       ActorKind
	ID         string // account id; empty for anonymous and system
	Name       string // user name at the time
	OnBehalfOf string // id of the account acted for, if another
	KeyID      string // the API key used, if one was
	SessionID  string // the session used, if one was
	IP         string // client address
	RequestID  string
}

// System is the actor of background upkeep and of start-up.
func System() Actor { return Actor{Kind: ActorSystem, Name: "system"} }
