package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// The shares of a crowd: one user in so many. Each is spread evenly over every
// order of a list.
const (
	SuspendedShare = 50
	ProShare       = 20
	neverShare     = 3 // who never signed in
)

var (
	crowdBegan = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	crowdNow   = crowdBegan.AddDate(1, 0, 0)
)

// Crowd is n users in a house, numbered in the order in which they signed up,
// three in the same microsecond.
type Crowd struct {
	house *House
	n     int
	step  int // takes turns through all numbers, without a factor in common with n
}

// Gather adds n users straight to an empty store, in one transaction. Indexes are
// made when all are there, which takes a fraction of the time.
func (h *House) Gather(ctx context.Context, n int) (c *Crowd, err error) {
	db, err := sql.Open("sqlite3", h.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	indexes, err := dropIndexes(ctx, db)
	if err != nil {
		return nil, err
	}
	c = &Crowd{house: h, n: n, step: 7_919}
	err = h.store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		for i := range n {
			if err := q.UserInsert(ctx, c.user(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, text := range indexes {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// dropIndexes drops those of the users and returns their texts.
func dropIndexes(ctx context.Context, db *sql.DB) (texts []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' AND sql IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	var names []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		names, texts = append(names, name), append(texts, text)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := db.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// user is the one of a number. Half have an address that begins as their user
// name does, half one that a search for "u" finds, but none for "us".
func (c *Crowd) user(i int) store.User {
	name := c.name(i * c.step % c.n)
	u := store.User{
		ID: fmt.Sprintf("usr_%032x", i), Username: name, Email: name + "@example.com", EmailVerified: true,
		Status: store.Active, Plan: plan, Zone: store.Zone{Name: "UTC"}, Metadata: json.RawMessage("{}"),
		CreatedAt: c.signedUp(i), UpdatedAt: crowdNow, LastLoginAt: c.signedIn(i * c.step * 3 % c.n),
	}
	if i%2 == 0 {
		u.Email = "u." + name[4:] + "@example.org"
	}
	if i/7%ProShare == 0 {
		u.Plan = "pro"
	}
	if i/3%SuspendedShare == 0 {
		u.Status = store.Suspended
		if i%4 == 0 {
			u.SuspendedUntil = crowdNow.Add(time.Hour)
		}
	}
	if i%neverShare == 0 {
		u.LastLoginAt = time.Time{}
	}
	return u
}

// name is the user name at a place in the order of names.
func (c *Crowd) name(place int) string { return fmt.Sprintf("user%07d", place) }

// signedUp is when the user of a number signed up.
func (c *Crowd) signedUp(i int) time.Time {
	return crowdBegan.Add(time.Duration(i/3) * time.Microsecond)
}

// signedIn is the last sign-in at a place in the order of sign-ins, the first
// being the one longest ago.
func (c *Crowd) signedIn(place int) time.Time {
	return crowdBegan.Add(time.Hour + time.Duration(place)*time.Microsecond)
}

// ListCase is one list to measure: pages of it from the start, in the middle and
// at the end.
type ListCase struct {
	Name               string
	Search             bool
	First, Middle, End Case
}

// Lists are every order with every set of filters, and searches of every kind.
func (c *Crowd) Lists(ctx context.Context) []ListCase {
	var all []ListCase
	for _, f := range []store.UserFilter{
		{}, {Status: store.Active}, {Status: store.Suspended}, {Plan: "pro"}, {Plan: "pro", Status: store.Active},
		{Query: "u"}, {Query: "USER"}, {Query: "user", Status: store.Active}, {Query: "u", Status: store.Suspended},
		{Query: "user", Plan: "pro"}, {Query: "u", Plan: "pro", Status: store.Active},
	} {
		f.Now = crowdNow
		for _, sort := range f.Sorts() {
			page := store.Page{Sort: sort}
			name := fmt.Sprintf("%s%s", sort, filterText(f))
			all = append(all, ListCase{
				Name:   name,
				Search: f.Query != "",
				First:  c.list(ctx, name, f, page),
				Middle: c.list(ctx, name+", in the middle", f, c.at(page, f, c.n/2)),
				End:    c.list(ctx, name+", at the end", f, c.at(page, f, c.rest(f))),
			})
		}
	}
	return all
}

func filterText(f store.UserFilter) (text string) {
	if f.Query != "" {
		text += " q=" + f.Query
	}
	if f.Status != "" {
		text += " status=" + string(f.Status)
	}
	if f.Plan != "" {
		text += " plan=" + f.Plan
	}
	return text
}

// rest is how many users stand after a place that some pages come after.
func (c *Crowd) rest(f store.UserFilter) int {
	rest := 3 * store.DefaultLimit
	if f.Status == store.Suspended {
		rest *= SuspendedShare
	}
	if f.Plan != "" {
		rest *= ProShare
	}
	return min(rest, c.n/2)
}

// at is the page that so many users stand after.
func (c *Crowd) at(p store.Page, f store.UserFilter, rest int) store.Page {
	switch place := c.n - rest; p.Sort {
	case store.OldestFirst:
		p.After = store.Position{At: c.signedUp(place), ID: "usr_"}
	case store.NewestFirst:
		p.After = store.Position{At: c.signedUp(rest), ID: "usr_"}
	case store.ByUsername:
		p.After = store.Position{Key: c.name(place), ID: "usr_"}
	case store.LastSignInFirst:
		if rest < c.n/neverShare { // among those who never signed in, last by id
			p.After = store.Position{ID: fmt.Sprintf("usr_%032x", rest*neverShare)}
		} else {
			p.After = store.Position{At: c.signedIn(rest), ID: "usr_"}
		}
	}
	return p
}

// list reads a full page.
func (c *Crowd) list(ctx context.Context, name string, f store.UserFilter, p store.Page) Case {
	return Case{Name: name, Worker: func() func() {
		return func() {
			list, err := c.house.store.UserList(ctx, f, p)
			if err != nil {
				panic(err)
			}
			if len(list.Items) != p.Size() {
				panic(fmt.Sprintf("%s: %d users", name, len(list.Items)))
			}
		}
	}}
}

// Total is the first page of everybody, with how many there are.
func (c *Crowd) Total(ctx context.Context) Case {
	return c.list(ctx, "-created_at, with the total", store.UserFilter{Now: crowdNow}, store.Page{Total: true})
}

// Searches find the first page of longer and longer beginnings, as somebody types
// a name or an address.
func (c *Crowd) Searches(ctx context.Context) (all []Case) {
	for _, query := range []string{c.name(0)[:6], c.name(0)[:9], "u.00", "u.00000"} {
		all = append(all, c.list(ctx, "q="+query, store.UserFilter{Query: query, Now: crowdNow}, store.Page{}))
	}
	return all
}

// Export goes through everybody and returns how long it took, and how much the
// heap grew by on the way at most.
func (c *Crowd) Export(ctx context.Context) (took time.Duration, grew uint64, err error) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, most, seen := heap(), uint64(0), 0
	began := time.Now()
	for _, err := range c.house.Manager.Users().All(ctx, store.UserFilter{}) {
		if err != nil {
			return 0, 0, err
		}
		if seen++; seen%1000 == 0 {
			most = max(most, heap())
		}
	}
	took = time.Since(began)
	if seen != c.n {
		return 0, 0, errors.New("bench: the export is not whole")
	}
	return took, most - min(most, before), nil
}
