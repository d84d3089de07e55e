package account

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"iter"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// exportPage is how many records are in memory at a time.
	exportPage = 50
	// exportDays is how many days of usage are.
	exportDays = 400
)

// Export writes everything that is kept about one user as a JSON object: profile,
// balance, keys without their secrets, live sessions, usage by day, ledger,
// messages, and what was done to him and by him. It reads page by page, so that it
// takes little memory and holds no lock, and is as of some moment on the way. That
// it was made stands in the trail before anything is written. An unknown user is
// ErrNotFound; after any other error a part may have been written.
func (u *Users) Export(ctx context.Context, actor store.Actor, id string, w io.Writer) error {
	user, err := u.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := u.noteExport(ctx, actor, id); err != nil {
		return err
	}
	balance, err := u.cfg.Store.CreditBalance(ctx, id, u.cfg.now())
	if err != nil {
		return err
	}
	out := document{w: bufio.NewWriter(w)}
	out.member("user", exportedUser(user))
	out.member("credits", map[string]int64{"balance": balance.Amount, "reserved": balance.Reserved})
	for _, part := range u.exportParts(ctx, user) {
		out.list(part.name, part.items)
	}
	return out.end()
}

// noteExport puts an export into the trail; of all users where id is empty.
func (u *Users) noteExport(ctx context.Context, actor store.Actor, id string) error {
	return u.cfg.Door.Do(ctx, actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
		c.Action, c.Target = "user.export", targetUser(id)
		return nil
	})
}

// exportPart is a list of a document.
type exportPart struct {
	name  string
	items iter.Seq2[any, error]
}

func (u *Users) exportParts(ctx context.Context, user store.User) []exportPart {
	s, id, now := u.cfg.Store, user.ID, u.cfg.now()
	parts := []exportPart{
		{"keys", pages(func(p store.Page) (store.List[store.APIKey], error) { return s.APIKeyList(ctx, id, p) },
			func(k store.APIKey) any { return exportedKey(k, now) })},
		{"sessions", pages(func(p store.Page) (store.List[store.Session], error) { return s.SessionList(ctx, id, now, p) }, exportedSession)},
		{"usage", u.usageOf(ctx, user)},
		{"ledger", pages(func(p store.Page) (store.List[store.LedgerEntry], error) { return s.LedgerList(ctx, id, p) }, exportedEntry)},
	}
	if log := u.cfg.Messages; log != nil {
		of := store.MessageFilter{UserID: id, Until: now.Add(time.Microsecond)} // no end would be no end where they come all the time
		parts = append(parts, exportPart{"messages", pages(func(p store.Page) (store.List[store.Message], error) { return log.List(ctx, of, p) }, exportedMessage)})
	}
	about := store.AuditFilter{About: id, Until: now.Add(time.Microsecond)}
	return append(parts, exportPart{"audit", pages(func(p store.Page) (store.List[store.AuditEvent], error) { return u.cfg.Trail.List(ctx, about, p) },
		func(e store.AuditEvent) any { return exportedEvent(e, id) })})
}

// pages goes through a list, oldest first.
func pages[T any](read func(store.Page) (store.List[T], error), show func(T) any) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for p := (store.Page{Sort: store.OldestFirst, Limit: exportPage}); ; {
			list, err := read(p)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range list.Items {
				if !yield(show(item), nil) {
					return
				}
			}
			if p.After = list.Next; p.After.IsZero() {
				return
			}
		}
	}
}

// usageOf goes through what a user used, by day.
func (u *Users) usageOf(ctx context.Context, user store.User) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		if u.cfg.Metering == nil {
			return
		}
		day := 24 * time.Hour
		end := u.cfg.now().Truncate(day).Add(2 * day) // tomorrow, in whatever zone
		for from := user.CreatedAt.Truncate(day).Add(-day); from.Before(end); from = from.Add(exportDays * day) {
			until := from.Add(exportDays * day)
			if until.After(end) {
				until = end
			}
			points, err := u.cfg.Metering.History(ctx, authn.PrincipalOf(user), "", from, until)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range points {
				if !yield(exportedUsage{Date: p.Date.Format(time.DateOnly), Meter: p.Meter, Used: p.Used}, nil) {
					return
				}
			}
		}
	}
}

// document writes one JSON object, member by member. The first error ends it.
type document struct {
	w     *bufio.Writer
	begun bool
	err   error
}

func (d *document) member(name string, v any) {
	d.name(name)
	d.value(v)
}

func (d *document) list(name string, items iter.Seq2[any, error]) {
	d.name(name)
	d.text("[")
	first := true
	for item, err := range items {
		if d.err == nil {
			d.err = err
		}
		if d.err != nil {
			return
		}
		if !first {
			d.text(",\n")
		}
		first = false
		d.value(item)
	}
	d.text("]")
}

func (d *document) name(name string) {
	if d.begun {
		d.text(",\n")
	} else {
		d.text("{")
	}
	d.begun = true
	d.value(name)
	d.text(":")
}

func (d *document) value(v any) {
	if d.err != nil {
		return
	}
	var b []byte
	if b, d.err = json.Marshal(v); d.err == nil {
		_, d.err = d.w.Write(b)
	}
}

func (d *document) text(s string) {
	if d.err == nil {
		_, d.err = d.w.WriteString(s)
	}
}

func (d *document) end() error {
	d.text("}\n")
	if d.err != nil {
		return d.err
	}
	return d.w.Flush()
}
