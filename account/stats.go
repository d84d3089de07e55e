package account

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// The days that figures are about: at most, and where none are named; and how
// many of those who use most are named.
const (
	maxStatsDays     = 92
	defaultStatsDays = 30
	statsTop         = 10
)

// StatsQuery says what figures are about.
type StatsQuery struct {
	// From and Until are dates, as midnight UTC, of the first day and of that
	// after the last; zero means 30 days, today included.
	From, Until time.Time
	Meter       string // whose users Top is about; empty for none
}

// Stats are figures of the whole service.
type Stats struct {
	At          time.Time
	From, Until time.Time
	Users       store.UserCounts
	SignedIn    SignedIn
	SignUps     []store.DayCount   // of users there still are, by day of UTC; without days that have none
	Usage       []store.UsagePoint // of all users together, by day of each one's zone, and meter
	Models      []store.ModelUsage // of messages that are kept
	Top         []store.UserUsage  // who used most of the meter, most first
}

// SignedIn is how many users last signed in so many days ago, or later.
type SignedIn struct {
	Day, Week, Month int64 // 1, 7 and 30 days
}

// Stats reads the figures. Those of users are kept; the others are added up from
// indexes when they are asked for, which takes the longer the more counters and
// messages are in the range: a step each. So a range of more than 92 days is
// ErrValidation.
func (u *Users) Stats(ctx context.Context, q StatsQuery) (Stats, error) {
	s := Stats{At: u.cfg.now()}
	var err error
	if s.From, s.Until, err = q.days(s.At); err != nil {
		return Stats{}, err
	}
	db := u.cfg.Store
	reads := []func() error{
		func() (err error) { s.Users, err = db.UserCounts(ctx, s.At); return err },
		func() (err error) { s.SignedIn.Day, err = db.UserSignIns(ctx, s.At.AddDate(0, 0, -1)); return err },
		func() (err error) { s.SignedIn.Week, err = db.UserSignIns(ctx, s.At.AddDate(0, 0, -7)); return err },
		func() (err error) { s.SignedIn.Month, err = db.UserSignIns(ctx, s.At.AddDate(0, 0, -30)); return err },
		func() (err error) { s.SignUps, err = db.UserSignUps(ctx, s.From, s.Until); return err },
		func() (err error) { s.Usage, err = db.UsageDays(ctx, "", s.From, s.Until); return err },
		func() (err error) { s.Models, err = db.MessageUsage(ctx, s.From, s.Until); return err },
	}
	if q.Meter != "" {
		reads = append(reads, func() (err error) {
			s.Top, err = db.UsageTop(ctx, q.Meter, s.From, s.Until, statsTop)
			return err
		})
	}
	for _, read := range reads {
		if err := read(); err != nil {
			return Stats{}, err
		}
	}
	return s, nil
}

// days are the range that is asked for.
func (q StatsQuery) days(now time.Time) (from, until time.Time, err error) {
	const day = 24 * time.Hour
	from, until = q.From.UTC().Truncate(day), q.Until.UTC().Truncate(day)
	if q.Until.IsZero() {
		until = now.UTC().Truncate(day).Add(day)
	}
	if q.From.IsZero() {
		from = until.Add(-defaultStatsDays * day)
	}
	if from.After(until) || until.Sub(from) > maxStatsDays*day {
		return from, until, store.Invalid("from", "range", "must be before to, by at most 92 days")
	}
	return from, until, nil
}
