package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// Limit is the most units of a meter in a window.
type Limit struct {
	Meter  string       `json:"meter"`
	Window store.Window `json:"window" enum:"day,week,month"`
	Limit  *int64       `json:"limit" doc:"Null means unlimited"`
}

func limits(from []store.Limit) []Limit {
	out := make([]Limit, len(from))
	for i, l := range from {
		out[i] = Limit{l.Meter, l.Window, amountOrNull(l.Limit)}
	}
	return out
}

// limitInput is a Limit that a client sends.
type limitInput struct {
	Meter  string       `json:"meter"`
	Window store.Window `json:"window" enum:"day,week,month"`
	Limit  *int64       `json:"limit" minimum:"0" maximum:"9007199254740991" doc:"Null means unlimited"`
}

func storeLimits(from []limitInput) []store.Limit {
	var out []store.Limit
	for _, l := range from {
		out = append(out, store.Limit{Meter: l.Meter, Window: l.Window, Limit: amountOf(l.Limit)})
	}
	return out
}

// limitChangeInput sets or removes one limit of several.
type limitChangeInput struct {
	Meter   string           `json:"meter"`
	Window  store.Window     `json:"window" enum:"day,week,month"`
	Limit   optional[*int64] `json:"limit,omitzero" minimum:"0" maximum:"9007199254740991" doc:"Null means unlimited; absent with inherit"`
	Inherit bool             `json:"inherit,omitempty" doc:"True removes the limit"`
}

// limitChanges reads what a PATCH says of limits.
func limitChanges(from []limitChangeInput) ([]authn.LimitChange, error) {
	out := make([]authn.LimitChange, len(from))
	var faults []store.FieldError
	for i, l := range from {
		if l.Limit.set == l.Inherit {
			faults = append(faults, store.FieldError{
				Field: fmt.Sprintf("limits[%d]", i), Rule: "one_of", Message: "There must be either a limit, or inherit that is true.",
			})
		}
		out[i] = authn.LimitChange{Limit: store.Limit{Meter: l.Meter, Window: l.Window}, Inherit: l.Inherit}
		if l.Limit.set {
			out[i].Limit.Limit = amountOf(l.Limit.value)
		}
	}
	if len(faults) > 0 {
		return nil, invalidMembers(faults)
	}
	return out, nil
}

// Usage is what is used of each limit that applies to the caller, or to the user
// whom staff or admins ask about.
type Usage struct {
	Plan    string       `json:"plan" doc:"The id of the plan"`
	Meters  []MeterUsage `json:"meters"`
	Credits Credits      `json:"credits"`
}

// MeterUsage is what is used of one limit in its present window.
type MeterUsage struct {
	Meter     string       `json:"meter"`
	Window    store.Window `json:"window" enum:"day,week,month"`
	Limit     *int64       `json:"limit" doc:"Null means unlimited"`
	Used      int64        `json:"used"`
	Reserved  int64        `json:"reserved" doc:"Held by requests that are under way"`
	Remaining *int64       `json:"remaining" doc:"Null means unlimited"`
	ResetsAt  time.Time    `json:"resets_at"`
}

// Credits is a balance in micro-units.
type Credits struct {
	Balance  int64 `json:"balance"`
	Reserved int64 `json:"reserved"`
}

func credits(b store.Balance) Credits { return Credits{Balance: b.Amount, Reserved: b.Reserved} }

func (a *API) getUsage(ctx context.Context, c *call, _ none) (Usage, error) {
	return a.usage(ctx, c.principal)
}

func (a *API) usage(ctx context.Context, p authn.Principal) (Usage, error) {
	used, err := a.cfg.Metering.Usage(ctx, p)
	if err != nil {
		return Usage{}, err
	}
	meters := make([]MeterUsage, len(used.Counters))
	for i, s := range used.Counters {
		meters[i] = MeterUsage{
			Meter:     s.Meter,
			Window:    s.Window,
			Limit:     amountOrNull(s.Limit),
			Used:      s.Used,
			Reserved:  s.Reserved,
			Remaining: amountOrNull(s.Remaining()),
			ResetsAt:  s.End.UTC(),
		}
	}
	return Usage{
		Plan:    used.Plan,
		Meters:  meters,
		Credits: credits(used.Credits),
	}, nil
}

// amountOf reads what amountOrNull shows.
func amountOf(limit *int64) int64 {
	if limit == nil {
		return store.Unlimited
	}
	return *limit
}

// amountOrNull shows the absence of a limit as null.
func amountOrNull(n int64) *int64 {
	if n == store.Unlimited {
		return nil
	}
	return &n
}
