package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// Stats are figures of the whole service.
type Stats struct {
	At       time.Time    `json:"at"`
	From     string       `json:"from" doc:"The first day that the figures by day are about"`
	To       string       `json:"to" doc:"The last one"`
	Users    UserCounts   `json:"users"`
	Active   ActiveUsers  `json:"active"`
	SignUps  []DayCount   `json:"sign_ups" doc:"Of users there still are, by day of UTC; days without any are left out"`
	Usage    []DayUsage   `json:"usage" doc:"Of all users, by day of each one's zone; days without any are left out"`
	Models   []ModelUsage `json:"models" doc:"Of the messages that are kept"`
	TopMeter string       `json:"top_meter"`
	TopUsers []UserUsage  `json:"top_users" doc:"Who used most of that meter, most first"`
}

// UserCounts is how many users there are.
type UserCounts struct {
	Total     int64 `json:"total" doc:"Active and suspended ones"`
	Active    int64 `json:"active"`
	Suspended int64 `json:"suspended"`
	Deleted   int64 `json:"deleted" doc:"Who can still come back"`
}

// ActiveUsers is how many users signed in lately.
type ActiveUsers struct {
	Day   int64 `json:"day" doc:"In the last 24 hours"`
	Week  int64 `json:"week" doc:"In the last 7 days"`
	Month int64 `json:"month" doc:"In the last 30 days"`
}

// DayCount is how many there were on one day.
type DayCount struct {
	Date  string `json:"date"`
	Count int64  `json:"count"`
}

// ModelUsage is what the messages of one model add up to.
type ModelUsage struct {
	Model     string `json:"model"`
	Messages  int64  `json:"messages"`
	TokensIn  int64  `json:"tokens_in"`
	TokensOut int64  `json:"tokens_out"`
	Cost      int64  `json:"cost" doc:"Micro-units"`
}

// UserUsage is what one user used.
type UserUsage struct {
	UserID   string `json:"user_id"`
	Username string `json:"username" doc:"Empty when there is no such user any more"`
	Used     int64  `json:"used"`
}

func (a *API) statsRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/stats", id: "get-stats", tag: "users", action: authz.ReadStats,
		summary: "Show figures of the whole service", status: http.StatusOK,
		query: []parameter{
			{"from", "The first day, such as 2026-03-04; 30 days before the last unless it is given, and 92 at most"},
			{"to", "The last day; today unless it is given"},
			{"meter", "Whose users used most; conversations unless it is given"},
		},
	}, a.getStats)
}

func (a *API) getStats(ctx context.Context, c *call, _ none) (Stats, error) {
	q := account.StatsQuery{Meter: c.filters["meter"]}
	if q.Meter == "" {
		q.Meter = metering.Conversations
	}
	var err error
	if q.From, err = dayOf(c, "from"); err != nil {
		return Stats{}, err
	}
	if q.Until, err = dayOf(c, "to"); err != nil {
		return Stats{}, err
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	s, err := a.cfg.Users.Stats(ctx, q)
	if err != nil {
		return Stats{}, err
	}
	out := stats(s)
	out.TopMeter = q.Meter
	out.TopUsers, err = a.withNames(ctx, s.Top)
	return out, err
}

func stats(s account.Stats) Stats {
	out := Stats{
		At: s.At.UTC(), From: s.From.Format(time.DateOnly), To: s.Until.AddDate(0, 0, -1).Format(time.DateOnly),
		Users:   UserCounts{s.Users.Active + s.Users.Suspended, s.Users.Active, s.Users.Suspended, s.Users.Deleted},
		Active:  ActiveUsers(s.SignedIn),
		SignUps: make([]DayCount, len(s.SignUps)),
		Usage:   make([]DayUsage, len(s.Usage)),
		Models:  make([]ModelUsage, len(s.Models)),
	}
	for i, d := range s.SignUps {
		out.SignUps[i] = DayCount{d.Date.Format(time.DateOnly), d.Count}
	}
	for i, p := range s.Usage {
		out.Usage[i] = DayUsage{Date: p.Date.Format(time.DateOnly), Meter: p.Meter, Used: p.Used}
	}
	for i, m := range s.Models {
		out.Models[i] = ModelUsage(m)
	}
	return out
}

// withNames finds the names of those who used most; they are few.
func (a *API) withNames(ctx context.Context, top []store.UserUsage) ([]UserUsage, error) {
	out := make([]UserUsage, len(top))
	for i, t := range top {
		u, err := a.cfg.Users.Get(ctx, t.UserID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		out[i] = UserUsage{t.UserID, u.Username, t.Used}
	}
	return out, nil
}
