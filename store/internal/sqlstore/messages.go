package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt/store"
)

const (
	messageFields = `m.id, m.conversation_id, m.seq, m.user_id, m.username, m.model, m.request, m.response,
		m.tokens_in, m.tokens_out, m.cost, m.latency, m.status, m.metadata, m.created_at`

	messageInsert = `INSERT INTO message_logs (id, conversation_id, seq, user_id, username, model, request, response,
			tokens_in, tokens_out, cost, latency, status, metadata, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT DO NOTHING`
	messageGet = `SELECT ` + messageFields + ` FROM message_logs m WHERE m.id = ?2 AND m.user_id = ?1`

	conversationGet = `SELECT last_seq FROM conversations WHERE user_id = ?1 AND conversation_id = ?2`
	conversationPut = `INSERT INTO conversations (user_id, conversation_id, last_seq) VALUES (?1, ?2, ?3)
		ON CONFLICT (user_id, conversation_id) DO UPDATE SET last_seq = excluded.last_seq`
)

func scanMessage(r scanner) (m store.Message, err error) {
	err = r.Scan(&m.ID, &m.ConversationID, &m.Seq, &m.UserID, &m.Username, &m.Model,
		rawColumn{&m.Request}, rawColumn{&m.Response}, &m.TokensIn, &m.TokensOut, &m.Cost,
		durationColumn{&m.Latency}, &m.Status, rawColumn{&m.Metadata}, timeColumn{&m.CreatedAt})
	return m, err
}

// Conversation is a user's conversation: what seq counts in.
type Conversation struct{ UserID, ID string }

func conversationOf(m store.Message) Conversation { return Conversation{m.UserID, m.ConversationID} }

// MessageAppend stores many messages in one transaction.
func (q *Queries) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	return write(ctx, q, func(c Conn) ([]store.Message, error) {
		conversations := conversationsOf(batch)
		if err := q.lockConversations(ctx, c, conversations); err != nil {
			return nil, err
		}
		last, err := lastSeqs(ctx, c, conversations)
		if err != nil {
			return nil, err
		}
		out := make([]store.Message, len(batch))
		for i, m := range batch {
			if out[i], err = appendMessage(ctx, c, m, last); err != nil {
				return nil, err
			}
		}
		for _, k := range conversations {
			if _, err := exec(ctx, c, conversationPut, k.UserID, k.ID, last[k]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// conversationsOf returns the conversations of a batch, each once, in an order
// that is the same everywhere.
func conversationsOf(batch []store.Message) []Conversation {
	all := make([]Conversation, len(batch))
	for i, m := range batch {
		all[i] = conversationOf(m)
	}
	slices.SortFunc(all, func(a, b Conversation) int {
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ID, b.ID))
	})
	return slices.Compact(all)
}

// lastSeqs reads the last seq of each conversation, 0 for a new one.
func lastSeqs(ctx context.Context, c Reader, conversations []Conversation) (map[Conversation]int64, error) {
	last := make(map[Conversation]int64, len(conversations))
	for _, k := range conversations {
		seq, err := one(ctx, c, scanInt, conversationGet, k.UserID, k.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		last[k] = seq
	}
	return last, nil
}

func (q *Queries) lockConversations(ctx context.Context, c Conn, conversations []Conversation) error {
	if q.locks.Conversations == nil {
		return nil
	}
	return q.locks.Conversations(ctx, c, conversations)
}

// appendMessage stores one message as the next of its conversation, or returns
// the one that its user stored under the id before.
func appendMessage(ctx context.Context, c Conn, m store.Message, last map[Conversation]int64) (store.Message, error) {
	k := conversationOf(m)
	m.Seq, m.CreatedAt = last[k]+1, stored(m.CreatedAt)
	n, err := exec(ctx, c, messageInsert, m.ID, m.ConversationID, m.Seq, m.UserID, m.Username, m.Model,
		string(m.Request), string(m.Response), m.TokensIn, m.TokensOut, m.Cost, int64(m.Latency),
		m.Status, string(m.Metadata), micros(m.CreatedAt))
	if err != nil {
		return m, err
	}
	if n > 0 {
		last[k] = m.Seq
		return m, nil
	}
	m, err = one(ctx, c, scanMessage, messageGet, m.UserID, m.ID)
	if errors.Is(err, store.ErrNotFound) {
		return m, store.ErrConflict
	}
	return m, err
}

// MessageGet finds a message of one user.
func (q *Queries) MessageGet(ctx context.Context, userID, id string) (store.Message, error) {
	return get(ctx, q, scanMessage, messageGet, userID, id)
}

// MessageList lists messages.
func (q *Queries) MessageList(ctx context.Context, filters store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	messages := listing[store.Message]{
		fields: messageFields, from: "message_logs m", at: "m.created_at", id: "m.id", scan: scanMessage,
		pos: func(m store.Message) store.Position { return store.Position{At: m.CreatedAt, ID: m.ID} },
	}
	var f filter
	f.equal("m.user_id", filters.UserID)
	f.equal("m.conversation_id", filters.ConversationID)
	return page(ctx, q, messages, f, p)
}
