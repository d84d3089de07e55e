package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	messageFields = `m.id, c.conversation_id, m.seq, m.user_id, m.username, m.plan, m.model, m.request, m.response,
		m.tokens_in, m.tokens_out, m.cost, m.latency, m.status, m.metadata, m.created_at`
	messageTables = `message_logs m JOIN conversations c ON c.n = m.conversation`
	messageGet    = `SELECT ` + messageFields + ` FROM ` + messageTables + ` WHERE m.id = ?2 AND m.user_id = ?1`

	messageInsert = `INSERT INTO message_logs (id, conversation, seq, user_id, user_key, username, plan, model, request, response,
			tokens_in, tokens_out, cost, latency, status, metadata, has_text, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) ON CONFLICT DO NOTHING`

	// Between the two stand the rows, which valuesOf writes.
	conversationColumns = 3
	conversationInsert  = `INSERT INTO conversations (user_id, conversation_id, last_seq) VALUES `
	conversationKnown   = ` ON CONFLICT (user_id, conversation_id) DO UPDATE SET last_seq = conversations.last_seq + excluded.last_seq
		RETURNING user_id, conversation_id, n, last_seq`

	conversationOfUser = `m.conversation = (SELECT n FROM conversations WHERE user_id = ?%d AND conversation_id = ?%d)`
	conversationOfAny  = `m.conversation IN (SELECT n FROM conversations WHERE conversation_id = ?%d)`

	messagePlans = `WITH RECURSIVE found (plan) AS (
			SELECT MIN(plan) FROM message_logs
			UNION ALL
			SELECT (SELECT MIN(m.plan) FROM message_logs m WHERE m.plan > found.plan) FROM found WHERE found.plan IS NOT NULL)
		SELECT plan FROM found WHERE plan IS NOT NULL`
	messageModels = `WITH RECURSIVE found (model) AS (
			SELECT MIN(model) FROM message_logs
			UNION ALL
			SELECT (SELECT MIN(m.model) FROM message_logs m WHERE m.model > found.model) FROM found WHERE found.model IS NOT NULL)
		SELECT model FROM found WHERE model IS NOT NULL`
	messageEmpty = `UPDATE message_logs SET request = '', response = '', has_text = 0 WHERE n IN (
			SELECT n FROM message_logs WHERE plan = ?1 AND has_text = 1 AND created_at < ?2 ORDER BY created_at LIMIT ?3)`
	messageDelete = `DELETE FROM message_logs WHERE n IN (
			SELECT n FROM message_logs WHERE plan = ?1 AND has_text = ?2 AND created_at < ?3 ORDER BY created_at LIMIT ?4)`
	messageDeleteAny = `DELETE FROM message_logs WHERE n IN (
			SELECT n FROM message_logs WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)`
)

// The index holds what is added up.
var messageUsage = `SELECT COUNT(*), ` + cappedSum("tokens_in") + `, ` + cappedSum("tokens_out") + `, ` + cappedSum("cost") + `
	FROM message_logs WHERE model = ?1 AND created_at >= ?2 AND created_at < ?3`

// rowsAtOnce is the most conversations of one statement, so that what a query
// costs beside its rows is little. Messages go one by one: their rows are so
// wide that many in a statement measured slower.
const rowsAtOnce = 32

// errRepeats says that a batch has a message that was stored before.
var errRepeats = errors.New("sqlstore: a message of the batch was stored before")

func scanMessage(r scanner) (m store.Message, err error) {
	err = r.Scan(&m.ID, &m.ConversationID, &m.Seq, &m.UserID, &m.Username, &m.Plan, &m.Model,
		rawColumn{&m.Request}, rawColumn{&m.Response}, &m.TokensIn, &m.TokensOut, &m.Cost,
		durationColumn{&m.Latency}, &m.Status, rawColumn{&m.Metadata}, timeColumn{&m.CreatedAt})
	return m, err
}

// Conversation is a user's conversation: what seq counts in.
type Conversation struct{ UserID, ID string }

func conversationOf(m store.Message) Conversation { return Conversation{m.UserID, m.ConversationID} }

// place is where a conversation stands: its key, and the last seq given.
type place struct{ n, last int64 }

// MessageAppend stores many messages in one transaction. A batch without
// repeats, as nearly all are, takes its places in the conversations first and
// is then written in one go; one that has some is rolled back, and written anew
// with a look at each message.
func (q *Queries) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	out, err := q.appendWith(ctx, batch, appendNew)
	if errors.Is(err, errRepeats) {
		return q.appendWith(ctx, batch, appendEach)
	}
	return out, err
}

// appendWith runs one way of appending in a transaction.
func (q *Queries) appendWith(ctx context.Context, batch []store.Message,
	way func(context.Context, Conn, []store.Message, map[Conversation]int64) ([]store.Message, error),
) ([]store.Message, error) {
	counts := map[Conversation]int64{}
	for _, m := range batch {
		counts[conversationOf(m)]++
	}
	return write(ctx, q, func(c Conn) ([]store.Message, error) {
		if q.locks.Conversations != nil {
			if err := q.locks.Conversations(ctx, c, conversationsIn(counts)); err != nil {
				return nil, err
			}
		}
		return way(ctx, c, batch, counts)
	})
}

// conversationsIn returns conversations in an order that is the same everywhere.
func conversationsIn(counts map[Conversation]int64) []Conversation {
	all := make([]Conversation, 0, len(counts))
	for k := range counts {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Conversation) int {
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// appendNew stores messages of which none was stored before; otherwise it
// answers errRepeats.
func appendNew(ctx context.Context, c Conn, batch []store.Message, counts map[Conversation]int64) ([]store.Message, error) {
	places, err := advance(ctx, c, counts)
	if err != nil {
		return nil, err
	}
	next := make(map[Conversation]int64, len(places))
	for k, p := range places {
		next[k] = p.last - counts[k]
	}
	out := make([]store.Message, len(batch))
	for i, m := range batch {
		k := conversationOf(m)
		next[k]++
		m.Seq, m.CreatedAt = next[k], stored(m.CreatedAt)
		out[i] = m
	}
	n, err := insertMessages(ctx, c, out, places)
	if err == nil && n < int64(len(out)) {
		err = errRepeats
	}
	return out, err
}

// appendEach stores messages one by one; one that its user stored before comes
// back as it was stored.
func appendEach(ctx context.Context, c Conn, batch []store.Message, counts map[Conversation]int64) ([]store.Message, error) {
	added := make(map[Conversation]int64, len(counts))
	for k := range counts {
		added[k] = 0
	}
	places, err := advance(ctx, c, added)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(batch)
	for i := range out {
		k := conversationOf(out[i])
		out[i].Seq, out[i].CreatedAt = places[k].last+added[k]+1, stored(out[i].CreatedAt)
		n, err := insertMessages(ctx, c, out[i:i+1], places)
		if err != nil {
			return nil, err
		}
		added[k] += n
		if n > 0 {
			continue
		}
		out[i], err = one(ctx, c, scanMessage, messageGet, out[i].UserID, out[i].ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, store.ErrConflict
		}
		if err != nil {
			return nil, err
		}
	}
	_, err = advance(ctx, c, added)
	return out, err
}

// advance adds to the last seq of conversations, makes those that are new, and
// returns where each stands then.
func advance(ctx context.Context, c Conn, by map[Conversation]int64) (map[Conversation]place, error) {
	places := make(map[Conversation]place, len(by))
	for rest := conversationsIn(by); len(rest) > 0; {
		n := chunkOf(len(rest))
		args := make([]any, 0, n*conversationColumns)
		for _, k := range rest[:n] {
			args = append(args, k.UserID, k.ID, by[k])
		}
		_, err := all(ctx, c, func(r scanner) (none struct{}, err error) {
			var k Conversation
			var p place
			err = r.Scan(&k.UserID, &k.ID, &p.n, &p.last)
			places[k] = p
			return none, err
		}, conversationInsert+valuesOf(n, conversationColumns)+conversationKnown, args...)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return places, nil
}

// insertMessages stores messages and returns how many were not there before.
func insertMessages(ctx context.Context, c Conn, rows []store.Message, places map[Conversation]place) (int64, error) {
	return execEach(ctx, c, messageInsert, func(yield func([]any) bool) {
		args := make([]any, 0, 18)
		for i := range rows {
			m := &rows[i]
			args = append(args[:0], m.ID, places[conversationOf(*m)].n, m.Seq, m.UserID, keyOfUser(m.UserID), m.Username, m.Plan, m.Model,
				string(m.Request), string(m.Response), m.TokensIn, m.TokensOut, m.Cost, int64(m.Latency),
				m.Status, string(m.Metadata), flag(len(m.Request)+len(m.Response) > 0), micros(m.CreatedAt))
			if !yield(args) {
				return
			}
		}
	})
}

// keyOfUser is what the messages of a user are found by: eight bytes of a hash of
// the id (FNV-1a), since an index of the ids themselves would be what an insert
// costs most. Users who share one are told apart by the id.
func keyOfUser(id string) int64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return int64(h.Sum64())
}

// chunkOf is how many of n rows go into the next statement: a power of two, so
// that there are few texts to compile.
func chunkOf(n int) int {
	size := rowsAtOnce
	for size > n {
		size /= 2
	}
	return size
}

// valuesOf writes rows of placeholders: (?1, ?2), (?3, ?4) for two of two.
func valuesOf(rows, columns int) string {
	var b strings.Builder
	b.Grow(rows * columns * 6)
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteByte('?')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// MessageGet finds a message of one user.
func (q *Queries) MessageGet(ctx context.Context, userID, id string) (store.Message, error) {
	return get(ctx, q, scanMessage, messageGet, userID, id)
}

// MessageList lists messages.
func (q *Queries) MessageList(ctx context.Context, filters store.MessageFilter, p store.Page) (store.List[store.Message], error) {
	messages := listing[store.Message]{
		fields: messageFields, from: messageTables, at: "m.created_at", id: "m.id", scan: scanMessage,
		pos: func(m store.Message) store.Position { return store.Position{At: m.CreatedAt, ID: m.ID} },
	}
	var f filter
	switch {
	case filters.ConversationID == "" && filters.UserID != "":
		f.where("m.user_key = ?%d AND m.user_id = ?%d", keyOfUser(filters.UserID), filters.UserID)
	case filters.ConversationID == "":
	case filters.UserID == "":
		f.where(conversationOfAny, filters.ConversationID)
	default:
		f.where(conversationOfUser, filters.UserID, filters.ConversationID)
	}
	f.equal("m.model", filters.Model)
	if !filters.From.IsZero() {
		f.where("m.created_at >= ?%d", micros(filters.From))
	}
	if !filters.Until.IsZero() {
		f.where("m.created_at < ?%d", micros(filters.Until))
	}
	return page(ctx, q, messages, f, p)
}

// MessageUsage adds up the messages of each model.
func (q *Queries) MessageUsage(ctx context.Context, from, until time.Time) ([]store.ModelUsage, error) {
	return read(ctx, q, func(c Reader) (out []store.ModelUsage, err error) {
		models, err := all(ctx, c, scanText, messageModels)
		if err != nil {
			return nil, err
		}
		for _, model := range models {
			sum, err := one(ctx, c, func(r scanner) (m store.ModelUsage, err error) {
				err = r.Scan(&m.Messages, &m.TokensIn, &m.TokensOut, &m.Cost)
				return m, err
			}, messageUsage, model, micros(from), micros(until))
			if err != nil {
				return nil, err
			}
			if sum.Model = model; sum.Messages > 0 {
				out = append(out, sum)
			}
		}
		return out, nil
	})
}

// MessagePurge deletes messages, or their text.
func (q *Queries) MessagePurge(ctx context.Context, p store.MessagePurge) (int, error) {
	return write(ctx, q, func(c Conn) (int, error) {
		before := micros(p.Before)
		switch {
		case p.TextOnly:
			return emptyMessages(ctx, c, p)
		case p.Plan == "":
			n, err := exec(ctx, c, messageDeleteAny, before, p.Limit)
			return int(n), err
		}
		empty, err := exec(ctx, c, messageDelete, p.Plan, flag(false), before, p.Limit)
		if err != nil || int(empty) >= p.Limit {
			return int(empty), err
		}
		full, err := exec(ctx, c, messageDelete, p.Plan, flag(true), before, p.Limit-int(empty))
		return int(empty + full), err
	})
}

// emptyMessages takes the text out of the messages of one plan or of all.
func emptyMessages(ctx context.Context, c Conn, p store.MessagePurge) (emptied int, err error) {
	plans := []string{p.Plan}
	if p.Plan == "" {
		plans, err = all(ctx, c, scanText, messagePlans)
		if err != nil {
			return 0, err
		}
	}
	for _, plan := range plans {
		n, err := exec(ctx, c, messageEmpty, plan, micros(p.Before), p.Limit-emptied)
		if err != nil {
			return 0, err
		}
		if emptied += int(n); emptied >= p.Limit {
			break
		}
	}
	return emptied, nil
}
