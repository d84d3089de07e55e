// Package messagelog keeps the conversations of users: what was asked and what
// was answered, with its cost. A message that was acknowledged is on disk.
package messagelog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/groupcommit"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

const (
	// appendTimeout bounds an append, which the caller's context does not.
	appendTimeout = 5 * time.Second

	// defaultBatch keeps a transaction of the largest messages within 128 MiB.
	defaultBatch = 128
)

// Config is what a Log needs. Store is required.
type Config struct {
	Store store.MessageStore

	// Clock tells when a message was made; nil means time.Now.
	Clock func() time.Time

	// Logger is told of messages that could not be stored; nil discards.
	Logger *slog.Logger

	// MaxBatch is the most messages that share a transaction. Zero means 128.
	MaxBatch int
}

// Log appends and reads messages. Make one with New and end it with Close. Its
// methods are safe for concurrent use.
type Log struct {
	cfg     Config
	appends *groupcommit.Committer[store.Message, store.Message]
}

// New makes a Log and starts what commits for it.
func New(cfg Config) *Log {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	opts := groupcommit.Options{
		MaxBatch: cmp.Or(cfg.MaxBatch, defaultBatch),
		Timeout:  appendTimeout,
		Closed:   store.ErrClosed,
		Shared: func(err error) bool {
			return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed)
		},
	}
	return &Log{cfg: cfg, appends: groupcommit.New(opts, cfg.Store.MessageAppend)}
}

// Append stores a message and returns it as stored: with its place in the
// conversation and with what was left out filled in, namely ID, ConversationID
// (a message without one is a conversation of its own), Status ("ok") and
// CreatedAt (now).
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
	m.ID = cmp.Or(m.ID, ids.New(ids.Message))
	m.ConversationID = cmp.Or(m.ConversationID, m.ID)
	m.Status = cmp.Or(m.Status, "ok")
	if m.CreatedAt.IsZero() {
		m.CreatedAt = l.cfg.Clock()
	}
	m.CreatedAt = m.CreatedAt.UTC().Truncate(time.Microsecond)
	if err := normalize(&m); err != nil {
		return m, err
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	stored, err := l.appends.Do(ctx, m)
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

// Get returns a message of one user; another user's is ErrNotFound.
func (l *Log) Get(ctx context.Context, userID, id string) (store.Message, error) {
	return l.cfg.Store.MessageGet(ctx, userID, id)
}

// List returns one page of the messages that a filter selects.
func (l *Log) List(ctx context.Context, f store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	return l.cfg.Store.MessageList(ctx, f, p)
}

// Close refuses new messages and waits until those that were accepted are
// stored. Twice is once.
func (l *Log) Close() error { return l.appends.Close() }
