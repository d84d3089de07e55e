package usermgmt

import (
	"context"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// The types a host names often.
type (
	// Principal is the authenticated caller of a request.
	Principal = authn.Principal
	// User is an account of a person.
	User = store.User
	// Message is one exchange of a conversation log.
	Message = store.Message
	// Actor is who does an audited thing: System, or the account that asked.
	Actor = store.Actor
	// Origin is from where somebody signs in.
	Origin = authn.Origin
	// NewKey is what an API key is made from.
	NewKey = authn.NewKey
	// Limit is the most units of a meter in a window.
	Limit = store.Limit
	// Rate is how fast requests are taken.
	Rate = ratelimit.Rate
	// Page asks for one page of a list.
	Page = store.Page
	// MessageFilter selects conversation logs.
	MessageFilter = store.MessageFilter
	// Registration is what a new account is made from.
	Registration = account.Registration
	// Meter is something the host counts.
	Meter = metering.Meter
	// Lockout is how many failed sign-ins within a window lock an account.
	Lockout = store.SignInRule
	// Driver serves the URL schemes of a database or a limiter.
	Driver = store.Driver
	// Change describes one mutation to Config.OnChange.
	Change = store.Change
	// Queries is what Config.OnChange may read and write with.
	Queries = store.Queries
	// Task is a piece of upkeep that the host adds.
	Task = tasks.Task
	// TimeOfDay is when a Task of every day is due.
	TimeOfDay = tasks.TimeOfDay
)

// Unlimited as a limit means that a meter only counts.
const Unlimited = store.Unlimited

// KindUser is the kind of a user's Principal.
const KindUser = authn.KindUser

// System is the Actor of what a host does by itself.
func System() Actor { return store.System() }

// PrincipalOf is how a user appears to a handler after a sign-in. A host that
// acts for a user outside of a request (a job that is metered, a key that it
// makes) names the user so.
func PrincipalOf(u User) Principal { return authn.PrincipalOf(u) }

// FromContext returns the caller of the request that ctx belongs to, and
// whether there is one. Behind Protect there always is.
func FromContext(ctx context.Context) (Principal, bool) { return authn.FromContext(ctx) }

// ReportUsage adds n units to what the request reports of a meter. The meter
// that Protect holds a reservation for is settled with it when the handler has
// returned; another declared meter is counted then. It may be called by any
// goroutine of the handler, any number of times, until the handler returns.
func ReportUsage(ctx context.Context, meter string, n int64) { middleware.ReportUsage(ctx, meter, n) }
