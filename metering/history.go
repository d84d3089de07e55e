package metering

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// The days of a History: at most, and where none are named.
const (
	maxHistory     = 400
	defaultHistory = 30
)

// History returns what a principal used on each day from a date until before
// another, by date and then by meter; days without any are left out. "" means
// all meters. Dates are days in the account's time zone, as midnight UTC; a zero
// until means tomorrow, a zero from 30 days before until. Deleting messages or
// resetting usage takes nothing from it. An unknown meter, or more than 400
// days, is ErrValidation.
func (s *Service) History(ctx context.Context, p authn.Principal, meter string, from, until time.Time) ([]store.UsagePoint, error) {
	if err := isUser(p); err != nil {
		return nil, err
	}
	meters := s.limitable()
	if meter != "" {
		if err := s.declared(meter); err != nil {
			return nil, err
		}
		meters = []string{meter}
	}
	if until.IsZero() {
		today, _ := windowAt(store.Day, p.Zone, s.locations.load, s.now())
		until = today.AddDate(0, 0, 1)
	}
	if from.IsZero() {
		from = until.AddDate(0, 0, -defaultHistory)
	}
	if from.After(until) || until.Sub(from) > maxHistory*24*time.Hour {
		return nil, store.Invalid("from", "range", "must be before to, by at most 400 days")
	}
	var points []store.UsagePoint
	for _, m := range meters {
		days, err := s.cfg.Store.UsageHistory(ctx, p.Subject, m, from, until)
		if err != nil {
			return nil, err
		}
		points = append(points, days...)
	}
	slices.SortStableFunc(points, func(a, b store.UsagePoint) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Meter, b.Meter))
	})
	return points, nil
}
