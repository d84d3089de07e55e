package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// MessagesPath is the file in which the messages of a database are: beside it,
// data-messages.db for data.db. They are written by the thousand, and would hold
// up everybody who waits for the one writer of a file.
func MessagesPath(path string) string {
	stem, isDB := strings.CutSuffix(path, ".db")
	if isDB {
		return stem + "-messages.db"
	}
	return path + "-messages"
}

// MessageAppend stores many messages.
func (s *Store) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	return s.messages.MessageAppend(ctx, batch)
}

// MessageGet finds a message of one user.
func (s *Store) MessageGet(ctx context.Context, userID, id string) (store.Message, error) {
	return s.messages.MessageGet(ctx, userID, id)
}

// MessageList lists messages.
func (s *Store) MessageList(ctx context.Context, f store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	return s.messages.MessageList(ctx, f, p)
}

// MessageUsage adds up the messages of each model.
func (s *Store) MessageUsage(ctx context.Context, from, until time.Time) ([]store.ModelUsage, error) {
	return s.messages.MessageUsage(ctx, from, until)
}

// MessagePurge deletes messages, or their text.
func (s *Store) MessagePurge(ctx context.Context, p store.MessagePurge) (int, error) {
	return s.messages.MessagePurge(ctx, p)
}

// MessageErase deletes what is kept of a user.
func (s *Store) MessageErase(ctx context.Context, userID string, limit int) (int, error) {
	return s.messages.MessageErase(ctx, userID, limit)
}

// MessageWindowPut inserts, replaces or ends a window.
func (s *Store) MessageWindowPut(ctx context.Context, w store.MessageWindow) error {
	return s.messages.MessageWindowPut(ctx, w)
}

// MessageWindowTake deletes the windows that have ended, and returns them.
func (s *Store) MessageWindowTake(ctx context.Context, now time.Time) ([]store.MessageWindow, error) {
	return s.messages.MessageWindowTake(ctx, now)
}
