package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3" // the bare engine

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// MessageBatch is how many rows share a transaction at most, which needs a window
// as large.
const MessageBatch = 5000

// Messages makes n messages whose text has so many bytes, of a thousand users
// with five conversations each.
func Messages(n, size int) []store.Message {
	text := json.RawMessage(`[{"role":"user","content":"` + strings.Repeat("x", size/2-32) + `"}]`)
	out := make([]store.Message, n)
	began := time.Now().UTC().Truncate(time.Microsecond)
	for i := range out {
		user := rand.N(1000)
		out[i] = store.Message{
			ID:             fmt.Sprintf("msg_%032x", i),
			ConversationID: fmt.Sprintf("con_%032x", user*5+rand.N(5)),
			UserID:         fmt.Sprintf("usr_%032x", user),
			Username:       fmt.Sprint("user", user), Plan: "free", Model: "gpt-4o-mini",
			Request: text, Response: text, TokensIn: 100, TokensOut: 200, Cost: 300, Latency: time.Second,
			Status: "ok", Metadata: json.RawMessage("{}"), CreatedAt: began.Add(time.Duration(i) * time.Microsecond),
		}
	}
	return out
}

// EnqueueAll gives messages to a log that is busy already, and returns how long
// it took until all were committed. A window of 0 is what a Log has by itself.
func EnqueueAll(ctx context.Context, folder string, messages []store.Message, window int) (time.Duration, error) {
	s, err := sqlite.Open(ctx, filepath.Join(folder, "ours.db"), nil)
	if err != nil {
		return 0, err
	}
	log := messagelog.New(messagelog.Config{Store: s, MaxWait: time.Minute, Window: window})
	warm := Messages(20_000, 200)
	for i := range warm {
		warm[i].ID = "" // one that is made
	}
	var began time.Time
	for _, part := range [][]store.Message{warm, messages} {
		began = time.Now()
		for _, m := range part {
			if err := log.Enqueue(ctx, m); err != nil {
				return 0, errors.Join(err, log.Close(), s.Close())
			}
		}
		if err = log.Flush(ctx); err != nil {
			break
		}
	}
	took := time.Since(began)
	return took, errors.Join(err, log.Close(), s.Close())
}

// AppendAll appends messages durably from many callers at once.
func AppendAll(ctx context.Context, folder string, messages []store.Message, callers int) (time.Duration, error) {
	s, err := sqlite.Open(ctx, filepath.Join(folder, "durable.db"), nil)
	if err != nil {
		return 0, err
	}
	log := messagelog.New(messagelog.Config{Store: s, MaxBatch: callers})
	var running sync.WaitGroup
	faults := make([]error, callers)
	began := time.Now()
	for c := range callers {
		running.Go(func() {
			for i := c; i < len(messages); i += callers {
				if _, err := log.Append(ctx, messages[i]); err != nil {
					faults[c] = err
					return
				}
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	return took, errors.Join(append(faults, log.Close(), s.Close())...)
}

// Engine is the bare engine with the very rows in a table of its own memory, from
// where it copies them: what is left is what SQLite does for a row.
type Engine struct {
	conn *sql.Conn
	db   *sql.DB
	rows int
}

const (
	engineColumns = `id, conversation, seq, user_id, user_key, username, plan, model, request, response,
		tokens_in, tokens_out, cost, latency, status, metadata, has_text, created_at`
	engineBare = `CREATE TABLE bare (n INTEGER NOT NULL PRIMARY KEY, id TEXT NOT NULL, conversation INTEGER NOT NULL,
		seq INTEGER NOT NULL, user_id TEXT NOT NULL, user_key INTEGER NOT NULL, username TEXT NOT NULL, plan TEXT NOT NULL, model TEXT NOT NULL,
		request TEXT NOT NULL, response TEXT NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
		cost INTEGER NOT NULL, latency INTEGER NOT NULL, status TEXT NOT NULL, metadata TEXT NOT NULL,
		has_text INTEGER NOT NULL, created_at INTEGER NOT NULL) STRICT`
)

// OpenEngine makes a database with the project's tables and one more, bare, with
// the columns of message_logs and no index.
func OpenEngine(ctx context.Context, folder string, messages []store.Message) (*Engine, error) {
	path := filepath.Join(folder, "engine.db")
	s, err := sqlite.Open(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite3", "file:"+sqlite.MessagesPath(path)+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	e := &Engine{conn: conn, db: db, rows: len(messages)}
	for _, text := range []string{"PRAGMA temp_store = MEMORY", engineBare,
		"CREATE TEMP TABLE source (n INTEGER PRIMARY KEY, " + engineColumns + ")"} {
		if err := e.exec(ctx, text); err != nil {
			return nil, err
		}
	}
	return e, e.fill(ctx, messages)
}

func (e *Engine) exec(ctx context.Context, query string, args ...any) error {
	_, err := e.conn.ExecContext(ctx, query, args...)
	return err
}

func (e *Engine) fill(ctx context.Context, messages []store.Message) error {
	insert, err := e.conn.PrepareContext(ctx, "INSERT INTO source VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	conversations := map[string]int{}
	for i, m := range messages {
		n, ok := conversations[m.ConversationID]
		if !ok {
			n = len(conversations)
			conversations[m.ConversationID] = n
		}
		if _, err := insert.ExecContext(ctx, i, m.ID, n, i, m.UserID, n/5*7919, m.Username, m.Plan, m.Model, string(m.Request),
			string(m.Response), m.TokensIn, m.TokensOut, m.Cost, int64(m.Latency), m.Status, string(m.Metadata), 1,
			m.CreatedAt.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// CopyAll copies the rows into a table, bare or message_logs, in transactions as
// large as a Log's.
func (e *Engine) CopyAll(ctx context.Context, table string) (time.Duration, error) {
	began := time.Now()
	for i := 0; i < e.rows; i += MessageBatch {
		err := e.exec(ctx, "INSERT INTO "+table+" ("+engineColumns+") SELECT "+engineColumns+" FROM source WHERE n >= ?1 AND n < ?2",
			i, i+MessageBatch)
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// CommitEach copies rows with a commit of their own each.
func (e *Engine) CommitEach(ctx context.Context, rows int) (time.Duration, error) {
	copyOne, err := e.conn.PrepareContext(ctx, "INSERT INTO message_logs ("+engineColumns+") SELECT "+engineColumns+" FROM source WHERE n = ?1")
	if err != nil {
		return 0, err
	}
	defer copyOne.Close()
	began := time.Now()
	for i := range rows {
		if _, err := copyOne.ExecContext(ctx, i); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// Close closes the database.
func (e *Engine) Close() error { return errors.Join(e.conn.Close(), e.db.Close()) }
