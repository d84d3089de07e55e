// Package messagelog keeps the conversations of users: what was asked and what
// was answered, with its cost. Append answers when a message is on disk; Enqueue
// answers at once and stores it soon after.
package messagelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/groupcommit"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// appendTimeout bounds an append, which the caller's context does not.
	appendTimeout = 5 * time.Second

	// defaultGroup keeps a transaction of the largest messages within 128 MiB.
	defaultGroup = 128
)

// Config is what a Log needs. Store is required.
type Config struct {
	Store store.MessageStore

	// PlanOf returns the plan of a user, under which a message is stored that
	// names none and was not made by a request of that user. What it answers is
	// remembered for a minute. Nil means no plan.
	PlanOf func(ctx context.Context, userID string) (string, error)

	// Door notes in the audit trail who reads what others said. Read needs it.
	Door *change.Door

	// Retention is the longest that any message is kept; plans may keep theirs
	// for less. Zero means for good.
	Retention time.Duration

	// Plans say what Retain deletes; nil means only what Retention does.
	Plans Plans

	// Seal encrypts the text of messages, which are Request and Response. Nil
	// means that they are stored as they are; those that were sealed before
	// cannot be read then.
	Seal *seal.Keyring

	// Unsealed stores new text as it is although there is a keyring, with which
	// older text is still read.
	Unsealed bool

	// BatchSize and BatchInterval say when Enqueue's messages are stored: as
	// soon as there are so many, or the window is full, or the oldest is so old.
	// Zero means 500 and 250 ms.
	BatchSize     int
	BatchInterval time.Duration

	// Window is the most messages that Enqueue has taken and that are not stored
	// yet: as many may be lost by a kill. More are stored with fewer commits.
	// Zero means 500.
	Window int

	// MemoryLimit is the most bytes that Enqueue's messages may have before they
	// are stored. Zero means 64 MiB. At a quarter of it they are stored at once.
	MemoryLimit int

	// MaxWait is how long Enqueue waits where there is no room. Zero means 1 s.
	MaxWait time.Duration

	// ClosePatience is how long Close waits for a store that takes nothing. Zero
	// means 5 s.
	ClosePatience time.Duration

	// Clock tells when a message was made; nil means time.Now.
	Clock func() time.Time

	// Logger is told of messages that could not be stored; nil discards.
	Logger *slog.Logger

	// MaxBatch is the most durable appends that share a transaction. Zero means
	// 128.
	MaxBatch int
}

func (c Config) withDefaults() Config {
	c.BatchSize = cmp.Or(c.BatchSize, 500)
	c.BatchInterval = cmp.Or(c.BatchInterval, 250*time.Millisecond)
	c.Window = cmp.Or(c.Window, 500)
	c.MemoryLimit = cmp.Or(c.MemoryLimit, 64<<20)
	c.MaxWait = cmp.Or(c.MaxWait, time.Second)
	c.ClosePatience = cmp.Or(c.ClosePatience, 5*time.Second)
	c.MaxBatch = cmp.Or(c.MaxBatch, defaultGroup)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Log appends and reads messages. Make one with New and end it with Close. Its
// methods are safe for concurrent use.
type Log struct {
	cfg     Config
	plans   plans
	appends *groupcommit.Committer[store.Message, store.Message]
	sets    *groupcommit.Committer[[]store.Message, []store.Message] // of AppendAll
	queue   *queue
	flusher *flusher
}

// New makes a Log and starts what commits for it.
func New(cfg Config) *Log {
	cfg = cfg.withDefaults()
	opts := groupcommit.Options{
		MaxBatch: cfg.MaxBatch,
		Timeout:  appendTimeout,
		Closed:   store.ErrClosed,
		Shared:   ofTheDatabase,
	}
	l := &Log{cfg: cfg, queue: newQueue(cfg), plans: plans{of: cfg.PlanOf, clock: cfg.Clock}}
	l.appends = groupcommit.New(opts, cfg.Store.MessageAppend)
	opts.MaxBatch = 1 // all of a set or none
	l.sets = groupcommit.New(opts, l.storeSet)
	l.flusher = startFlusher(l)
	return l
}

// ofTheDatabase reports whether an error is no message's own.
func ofTheDatabase(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// Prepare returns a message as Append stores it, but for its Seq: with what was
// left out filled in, namely ID, ConversationID (a message without one is a
// conversation of its own), Status ("ok"), CreatedAt (now) and, inside a request
// of the message's user, Plan. A message that is not well-formed or has more
// than MaxSize bytes is ErrValidation.
func (l *Log) Prepare(ctx context.Context, m store.Message) (store.Message, error) {
	m.Plan = cmp.Or(m.Plan, planOfCaller(ctx, m.UserID))
	if m.CreatedAt.IsZero() {
		m.CreatedAt = l.cfg.Clock()
	}
	return m, complete(&m)
}

// complete fills in what needs neither the caller nor the clock, and checks.
func complete(m *store.Message) error {
	if m.ID == "" {
		m.ID = ids.New(ids.Message)
	}
	m.ConversationID = cmp.Or(m.ConversationID, m.ID)
	m.Status = cmp.Or(m.Status, "ok")
	m.CreatedAt = m.CreatedAt.UTC().Truncate(time.Microsecond)
	return normalize(m)
}

// planOfCaller is the plan of the request's user, if that is who is meant.
func planOfCaller(ctx context.Context, userID string) string {
	p, ok := authn.FromContext(ctx)
	if !ok || p.Subject != userID {
		return ""
	}
	return p.Plan
}

// Append stores a message and returns it as stored: as Prepare makes it, and
// with its place in the conversation.
//
// It is durable when Append returns nil. The end of ctx does not cancel it, so
// that a client that hangs up leaves its trace. It waits 5 seconds for its turn
// instead, and its transaction has 5 more; then it answers ErrUnavailable and
// the message may or may not be stored. The message
// that is returned with an error has its id: appending it again under that id
// is harmless.
//
// A message that is not well-formed or has more than MaxSize bytes is
// ErrValidation, and an id that another user's message has is ErrConflict.
func (l *Log) Append(ctx context.Context, m store.Message) (store.Message, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return m, err
	}
	m, err := l.Prepare(ctx, m)
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	stored, err := l.append(ctx, m)
	if err == nil {
		return stored, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = store.Unavailable(err)
	}
	l.cfg.Logger.LogAttrs(ctx, slog.LevelError, "a message was not stored",
		slog.String("message", m.ID), slog.String("user", m.UserID), slog.Any("error", err))
	return m, err
}

func (l *Log) append(ctx context.Context, m store.Message) (_ store.Message, err error) {
	if m.Plan, err = l.plans.get(ctx, m); err != nil {
		return m, err
	}
	if m, err = l.seal(m); err != nil {
		return m, err
	}
	if m, err = l.appends.Do(ctx, m); err != nil {
		return m, err
	}
	return l.open(m)
}

// Get returns a message of one user; another user's is ErrNotFound.
func (l *Log) Get(ctx context.Context, userID, id string) (store.Message, error) {
	m, err := l.cfg.Store.MessageGet(ctx, userID, id)
	if err != nil {
		return m, err
	}
	return l.open(m)
}

// List returns one page of the messages that a filter selects.
func (l *Log) List(ctx context.Context, f store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	list, err := l.cfg.Store.MessageList(ctx, f, p)
	if err != nil {
		return list, err
	}
	for i, m := range list.Items {
		if list.Items[i], err = l.open(m); err != nil {
			return store.List[store.Message]{}, fmt.Errorf("messagelog: message %s: %w", m.ID, err)
		}
	}
	return list, nil
}

// Close refuses new messages and waits until those that were accepted are
// stored. Where the store takes nothing for Config.ClosePatience it gives up, with
// an error that says how many were not stored. Twice is once.
func (l *Log) Close() error {
	var errs [3]error
	var closing sync.WaitGroup
	for i, end := range []func() error{l.flusher.close, l.appends.Close, l.sets.Close} {
		closing.Go(func() { errs[i] = end() })
	}
	closing.Wait()
	return errors.Join(errs[:]...)
}
