package messagelog

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

// Read is List for somebody who reads what others said. That he does stands in
// the audit trail, as message.read with the user whose messages are asked for as
// its target, before anything is read: where that cannot be written, no message
// is shown. Each page is a reading. It is ErrUnsupported without Config.Door.
func (l *Log) Read(ctx context.Context, actor store.Actor, f store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	if l.cfg.Door == nil {
		return store.List[store.Message]{}, store.Errorf(store.ErrUnsupported, "Nobody reads the messages of others here.")
	}
	err := l.cfg.Door.Do(ctx, actor, func(_ context.Context, _ store.Queries, c *store.Change) error {
		c.Action, c.Target = "message.read", store.Target{Kind: "user", ID: f.UserID}
		if f.ConversationID != "" {
			c.Changes = map[string]store.Diff{"conversation_id": {To: f.ConversationID}}
		}
		return nil
	})
	if err != nil {
		return store.List[store.Message]{}, err
	}
	return l.List(ctx, f, p)
}
