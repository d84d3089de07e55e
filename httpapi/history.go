package httpapi

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// History is what a user used, by day.
type History struct {
	Items []DayUsage `json:"items" nullable:"false" doc:"Oldest first; days without any are left out"`
}

// DayUsage is what was used of a meter on one day of the account's time zone.
type DayUsage struct {
	Date  string `json:"date" doc:"Such as 2026-03-04"`
	Meter string `json:"meter"`
	Used  int64  `json:"used"`
}

// historyQuery are the parameters of the history.
func historyQuery() []parameter {
	return []parameter{
		{"meter", "Only this meter"},
		{"from", "The first day, such as 2026-03-04; 30 days before the last unless it is given"},
		{"to", "The last day; today unless it is given"},
	}
}

func (a *API) getUsageHistory(ctx context.Context, c *call, _ none) (History, error) {
	return a.history(ctx, c, c.principal)
}

func (a *API) history(ctx context.Context, c *call, p authn.Principal) (History, error) {
	from, errFrom := dayOf(c, "from")
	until, errUntil := dayOf(c, "to")
	for _, err := range []error{errFrom, errUntil} {
		if err != nil {
			return History{}, err
		}
	}
	if !until.IsZero() {
		until = until.AddDate(0, 0, 1)
	}
	points, err := a.cfg.Metering.History(ctx, p, c.filters["meter"], from, until)
	if err != nil {
		return History{}, err
	}
	out := History{Items: make([]DayUsage, len(points))}
	for i, p := range points {
		out.Items[i] = DayUsage{Date: p.Date.Format(time.DateOnly), Meter: p.Meter, Used: p.Used}
	}
	return out, nil
}

// timeOf reads a parameter that is a time, or a date, of which the beginning in
// UTC counts. It is zero where the parameter is absent.
func timeOf(c *call, name string) (time.Time, error) {
	text := c.filters[name]
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		return time.Time{}, store.Invalid(name, "format", "The parameter must be a time such as 2026-03-04T12:00:00Z.")
	}
	return t, nil
}

// dayOf reads a parameter that is a date, or a time of which the date counts. It
// is zero where the parameter is absent.
func dayOf(c *call, name string) (time.Time, error) {
	text := c.filters[name]
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return time.Time{}, store.Invalid(name, "format", "The parameter must be a date such as 2026-03-04.")
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC), nil
}
