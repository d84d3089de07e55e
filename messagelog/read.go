package messagelog

import (
	"context"
	"io"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// Read is List for somebody who reads what others said. That he does stands in
// the audit trail, as message.read with the user whose messages are asked for as
// its target, before anything is read: where that cannot be written, no message
// is shown. Each page is a reading. It is ErrUnsupported without Config.Door.
func (l *Log) Read(ctx context.Context, actor store.Actor, f store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	if err := l.note(ctx, actor, "message.read", targetOf(f), selected(f)); err != nil {
		return store.List[store.Message]{}, err
	}
	return l.List(ctx, f, p)
}

// ExportFor is Export for somebody who reads what others said. It is noted like a
// reading, as message.export, before the first byte.
func (l *Log) ExportFor(ctx context.Context, actor store.Actor, w io.Writer, format string, f store.MessageFilter) error {
	if err := l.note(ctx, actor, "message.export", targetOf(f), selected(f)); err != nil {
		return err
	}
	return l.Export(ctx, w, format, f)
}

// Delete deletes every message that was made before a time, or before now if that
// is earlier, and returns how many. The audit trail says first, as message.delete,
// how many there are: where that cannot be written, none is deleted. They go
// little by little, as in Retain, also when ctx ends; if that breaks off, the
// error says so, and calling it again deletes the rest. Usage and credits are
// kept elsewhere and stay. It is ErrUnsupported without Config.Door.
func (l *Log) Delete(ctx context.Context, actor store.Actor, before time.Time) (int64, error) {
	if now := l.cfg.Clock(); before.After(now) {
		before = now
	}
	models, err := l.cfg.Store.MessageUsage(ctx, time.Time{}, before)
	if err != nil {
		return 0, err
	}
	var there int64
	for _, m := range models {
		there += m.Messages
	}
	if there == 0 {
		return 0, nil
	}
	err = l.note(ctx, actor, "message.delete", targetOf(store.MessageFilter{}), map[string]store.Diff{
		"before":   {To: before.UTC()},
		"messages": {From: there, To: 0},
	})
	if err != nil {
		return 0, err
	}
	return l.purgeAll(context.WithoutCancel(ctx), store.MessagePurge{Before: before})
}

// note writes into the audit trail what somebody is about to do.
func (l *Log) note(ctx context.Context, actor store.Actor, action string, target store.Target, changes map[string]store.Diff) error {
	if l.cfg.Door == nil {
		return store.Errorf(store.ErrUnsupported, "Nobody reads or deletes the messages of others here.")
	}
	return l.cfg.Door.Do(ctx, actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
		c.Action, c.Target, c.Changes = action, target, changes
		return nil
	})
}

// targetOf is the user whose messages are selected, or the log.
func targetOf(f store.MessageFilter) store.Target {
	if f.UserID == "" {
		return store.Target{Kind: "message"}
	}
	return store.Target{Kind: "user", ID: f.UserID}
}

// selected says which messages, beside whose.
func selected(f store.MessageFilter) map[string]store.Diff {
	by := make(map[string]store.Diff)
	for name, value := range map[string]string{"conversation_id": f.ConversationID, "model": f.Model} {
		if value != "" {
			by[name] = store.Diff{To: value}
		}
	}
	for name, at := range map[string]time.Time{"from": f.From, "to": f.Until} {
		if !at.IsZero() {
			by[name] = store.Diff{To: at.UTC()}
		}
	}
	return by
}
