package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const saltBytes = 16

// Config is what a Trail needs. Store and Keys are required.
type Config struct {
	Store store.AuditStore
	// Keys are the audit keys, newest first, each of at least 32 bytes. The
	// first makes new events; one that was ever used stays, or the events made
	// with it can no longer be checked.
	Keys [][]byte
	// Anchors keep anchors outside of the database. Nil means that they are in
	// it alone, where they prove nothing to whoever does not trust it.
	Anchors Anchors
	// Retention is how long Retain leaves events. 0 means for good.
	Retention time.Duration

	Clock  func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// Trail writes and reads the audit trail. Its methods may be called by any
// number of goroutines. It must be closed.
type Trail struct {
	store     store.AuditStore
	keys      keyring
	anchors   Anchors
	retention time.Duration
	clock     func() time.Time
	recorder  *recorder
}

// New makes a Trail and starts the goroutine that Record hands its events to;
// Close ends it.
func New(cfg Config) (*Trail, error) {
	keys, err := newKeyring(cfg.Keys)
	if err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	t := &Trail{store: cfg.Store, keys: keys, anchors: cfg.Anchors, retention: cfg.Retention, clock: cfg.Clock}
	t.recorder = newRecorder(t, cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)))
	return t, nil
}

// Append writes exactly one event for a change, through the Queries of the
// change's transaction: both commit or neither does.
func (t *Trail) Append(ctx context.Context, q store.Queries, c store.Change) error {
	event, err := t.event(c, 1)
	if err != nil {
		return err
	}
	return q.AuditInsert(ctx, []store.AuditEvent{event}, t.keys.link)
}

// Record notes what happened outside any transaction: a failed sign-in or a
// denial. It never blocks and never fails: while the database cannot be written,
// up to 1024 events wait, and those beyond are dropped, counted and logged. More
// than 60 a minute of one address and action become one event with a count.
func (t *Trail) Record(c store.Change) {
	if c.At.IsZero() {
		c.At = t.clock()
	}
	t.recorder.put(c)
}

// Flush waits until everything that was recorded before is stored. It fails when
// the database cannot be written, keeping the events for another try, and with
// ctx's error when that ends first.
func (t *Trail) Flush(ctx context.Context) error { return t.recorder.sync(ctx) }

// List lists events with their details, where those were not erased.
func (t *Trail) List(ctx context.Context, f store.AuditFilter, p store.Page) (store.List[store.AuditEvent], error) {
	return t.store.AuditList(ctx, f, p)
}

// Check reports whether an event is as it was written: its MAC fits its content
// and, unless it was erased, its detail. It says nothing about events that are
// missing.
func (t *Trail) Check(e store.AuditEvent) bool {
	k, known := t.keys.byID(e.KeyID)
	return known && k.made(e)
}

// MissingKey returns the id of the key that the last event is under when that key
// was not given, and "" otherwise. What is appended without it makes a trail that
// only both keys together verify, which is hardly what was meant.
func (t *Trail) MissingKey(ctx context.Context) (id string, err error) {
	head, err := t.store.AuditHead(ctx)
	if err != nil {
		return "", err
	}
	last, err := t.store.AuditAfter(ctx, head.Seq-1, 1)
	if err != nil || len(last) == 0 {
		return "", err
	}
	if _, known := t.keys.byID(last[0].KeyID); known {
		return "", nil
	}
	return last[0].KeyID, nil
}

// Close writes what is still queued, waits for that and ends the goroutine.
// What is recorded afterwards is dropped. Its error says how many events could
// not be stored. Twice is once.
func (t *Trail) Close() error { return t.recorder.close() }

// event describes a change as an event that stands for count like it.
func (t *Trail) event(c store.Change, count int64) (store.AuditEvent, error) {
	detail := store.AuditDetail{
		Salt:      make([]byte, saltBytes),
		ActorName: c.Actor.Name,
		IP:        c.Actor.IP,
		Reason:    c.Reason,
	}
	rand.Read(detail.Salt)
	if len(c.Changes) > 0 {
		changes, err := json.Marshal(c.Changes)
		if err != nil {
			return store.AuditEvent{}, fmt.Errorf("audit: the changes of %s cannot be encoded: %w", c.Action, err)
		}
		detail.Changes = changes
	}
	if c.At.IsZero() {
		c.At = t.clock()
	}
	e := store.AuditEvent{
		ID:         ids.New(ids.Audit),
		At:         c.At.UTC().Truncate(time.Microsecond), // as it comes back from the database
		ActorKind:  c.Actor.Kind,
		ActorID:    c.Actor.ID,
		OnBehalfOf: c.Actor.OnBehalfOf,
		Action:     c.Action,
		Target:     c.Target,
		Result:     cmp.Or(c.Result, store.OK),
		RequestID:  c.Actor.RequestID,
		Count:      count,
		DetailHash: hashDetail(detail),
		Detail:     &detail,
	}
	t.keys.sign(&e)
	return e, nil
}
