package stress_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mortalLimit is how many conversations a day the users of the killed hosts
// have: few enough to be reached.
const mortalLimit = 12

// impossible are rows that no kill may leave behind: the halves of what happens
// in one transaction, and what breaks a promise. Every query counts them; its
// parameter is the present, in microseconds.
var impossible = map[string]string{
	"a user without a name":           `SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.subject = u.id AND i.kind = 'username')`,
	"a user without an address":       `SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.subject = u.id AND i.kind = 'email')`,
	"a user without a password":       `SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM password_hashes h WHERE h.subject = u.id)`,
	"a password of nobody":            `SELECT COUNT(*) FROM password_hashes h WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = h.subject)`,
	"a name of nobody":                `SELECT COUNT(*) FROM identifiers i WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = i.subject) AND NOT EXISTS (SELECT 1 FROM deleted_users d WHERE d.id = i.subject)`,
	"a user who is also deleted":      `SELECT COUNT(*) FROM users JOIN deleted_users USING (id)`,
	"a key of nobody":                 `SELECT COUNT(*) FROM api_keys k WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = k.user_id)`,
	"a live session of nobody":        `SELECT COUNT(*) FROM sessions s WHERE s.revoked_at = 0 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.subject)`,
	"a session without one new token": `SELECT COUNT(*) FROM sessions s WHERE (SELECT COUNT(*) FROM refresh_tokens r WHERE r.session_id = s.id AND r.used_at = 0) <> 1`,
	"a token without its successor":   `SELECT COUNT(*) FROM refresh_tokens r WHERE r.used_at > 0 AND NOT EXISTS (SELECT 1 FROM refresh_tokens n WHERE n.hash = r.successor_hash AND n.session_id = r.session_id AND n.seq = r.seq + 1)`,
	"a second successor":              `SELECT COUNT(*) FROM (SELECT 1 FROM refresh_tokens GROUP BY session_id, seq HAVING COUNT(*) > 1)`,
	"a user not registered once":      `SELECT COUNT(*) FROM (SELECT id FROM users UNION SELECT id FROM deleted_users) u WHERE (SELECT COUNT(*) FROM audit_events WHERE action = 'user.register' AND target_id = u.id) <> 1`,
	"a deleted user not deleted once": `SELECT COUNT(*) FROM deleted_users d WHERE (SELECT COUNT(*) FROM audit_events WHERE action = 'user.delete' AND target_id = d.id AND result = 'ok') <> 1`,
	"a deletion of a user who lives":  `SELECT COUNT(*) FROM audit_events e JOIN users u ON u.id = e.target_id WHERE e.action = 'user.delete' AND e.result = 'ok'`,
	"a key not made once":             `SELECT COUNT(*) FROM api_keys k WHERE (SELECT COUNT(*) FROM audit_events WHERE action = 'key.create' AND target_id = k.id) <> 1`,
	"a key revoked without a row":     `SELECT COUNT(*) FROM api_keys k WHERE (k.status = 'revoked') <> (SELECT COUNT(*) FROM audit_events WHERE action = 'key.revoke' AND target_id = k.id)`,
	"a session begun without a row":   `SELECT ABS((SELECT COUNT(*) FROM sessions) - (SELECT COUNT(*) FROM audit_events WHERE action IN ('user.register', 'user.login', 'user.password') AND result = 'ok'))`,
	"an event without its detail":     `SELECT COUNT(*) FROM audit_events e WHERE NOT EXISTS (SELECT 1 FROM audit_details d WHERE d.event_id = e.id)`,
	"a detail without its event":      `SELECT COUNT(*) FROM audit_details d WHERE NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.id = d.event_id)`,
	"a gap in a conversation":         `SELECT COUNT(*) FROM (SELECT 1 FROM message_logs GROUP BY conversation HAVING COUNT(*) <> MAX(seq) OR COUNT(DISTINCT seq) <> MAX(seq))`,
	"a conversation that ends wrong":  `SELECT COUNT(*) FROM conversations c WHERE last_seq <> (SELECT MAX(seq) FROM message_logs m WHERE m.conversation = c.n)`,
	"use that is not what is settled": `SELECT COUNT(*) FROM usage u WHERE period = 'day' AND meter = 'conversations' AND used <> (SELECT SUM(settled) FROM reservations r WHERE r.subject = u.subject AND r.meter = u.meter AND r.status LIKE 'settled%')`,
	"a hold without its lease":        `SELECT COUNT(*) FROM holds h WHERE NOT EXISTS (SELECT 1 FROM reservations r WHERE r.id = h.reservation_id AND r.status = 'held')`,
	"a lease without its hold":        `SELECT COUNT(*) FROM reservations r WHERE status = 'held' AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.reservation_id = r.id)`,
	"more used or held than allowed": fmt.Sprintf(`SELECT COUNT(*) FROM users u WHERE
		COALESCE((SELECT SUM(used) FROM usage g WHERE g.subject = u.id AND g.period = 'day'), 0) +
		COALESCE((SELECT SUM(amount) FROM holds h WHERE h.subject = u.id AND h.period = 'day' AND h.expires_at > ?1), 0) > %d`, mortalLimit),
}

// sound looks for the impossible.
func (d database) sound(ahead time.Duration) {
	d.t.Helper()
	d.none(impossible, ahead)
}

// none runs queries that count what must not be. Their parameter is the present
// of a clock that is ahead.
func (d database) none(queries map[string]string, ahead time.Duration) {
	d.t.Helper()
	for what, query := range queries {
		var args []any
		if strings.Contains(query, "?1") {
			args = append(args, time.Now().Add(ahead).UnixMicro())
		}
		if n := d.count(query, args...); n != 0 {
			d.t.Errorf("%d times: %s", n, what)
		}
	}
}

// Two processes are killed and replaced under a mixed load of clients that ask
// again. Everything that was acknowledged is there, once; nothing is half-made.
func TestCase_RL_12_AU_07_KilledProcessesLoseNothingAcknowledged(t *testing.T) {
	beside(t)
	const clients = 16
	path := databasePath(t)
	host := settings{Path: path, Ahead: tillNoon(), Variables: []string{fmt.Sprint("USERMGMT_DAILY_CONVERSATIONS=", mortalLimit)}}
	slots := [2]*slot{{p: start(t, host)}, {p: start(t, host)}}
	file := openFile(t, path)
	var over atomic.Bool
	var done tally
	var load sync.WaitGroup
	lives := make([][]*life, clients)
	for i := range lives {
		load.Go(func() {
			for n := 0; !over.Load() && !t.Failed(); n++ {
				l := newLife(t, slots[i%2], &done, fmt.Sprintf("person-%d-%d", i, n))
				lives[i] = append(lives[i], l)
				l.run(over.Load)
			}
		})
	}
	starts := killAgain(t, host, slots[:], file)
	over.Store(true)
	load.Wait()
	for _, s := range slots {
		s.current().terminate()
	}
	t.Logf("done: %v; a start took %v", &done, starts)
	file.whole()
	file.sound(host.Ahead)
	remember(t, start(t, host), file, lives)
}

// killAgain kills one process or both, puts others in their place, and looks
// for halves now and then.
func killAgain(t *testing.T, host settings, slots []*slot, file database) *figures {
	t.Helper()
	starts := new(figures)
	for kills := 0; kills < form(6, 200) && !t.Failed(); {
		<-time.After(5*time.Millisecond + rand.N(295*time.Millisecond))
		victims := slots
		if rand.N(4) > 0 {
			n := rand.N(2)
			victims = slots[n : n+1]
		}
		for _, s := range victims {
			s.current().kill()
			kills++
		}
		if kills%10 < 2 {
			file.sound(host.Ahead)
		}
		for _, s := range victims {
			began := time.Now()
			s.set(start(t, host))
			starts.add(time.Since(began))
		}
	}
	return starts
}

// remember holds what each client was told against what is so.
func remember(t *testing.T, p *process, file database, lives [][]*life) {
	t.Helper()
	for _, client := range lives {
		for _, l := range client {
			if l.deleted {
				l.gone(p, file)
			} else {
				l.there(p, file)
			}
			l.messagesStored(file)
		}
	}
	if a := p.must(http.StatusOK, "POST", "/control/check-audit", "", nil); a.number("events") == 0 || a.number("forged") != 0 {
		t.Errorf("of the audit trail: %v", a.body)
	}
}

// gone checks an account that was deleted.
func (l *life) gone(p *process, file database) {
	if n := file.count("SELECT COUNT(*) FROM deleted_users WHERE username = ?", l.name); n != 1 {
		l.t.Errorf("%s was deleted and is so %d times", l.name, n)
	}
	p.must(http.StatusUnauthorized, "GET", "/auth/me", l.token, nil)
	p.must(http.StatusUnauthorized, "POST", "/auth/refresh", "", map[string]any{"refresh_token": l.refresh})
}

// there checks an account that lives.
func (l *life) there(p *process, file database) {
	p.must(http.StatusOK, "POST", "/auth/login", "", map[string]any{"username": l.name, "password": l.password})
	a := p.must(http.StatusOK, "GET", "/auth/me", l.token, nil)
	if a.text("display_name") != l.display {
		l.t.Errorf("%s is called %q, want %q", l.name, a.text("display_name"), l.display)
	}
	p.must(http.StatusOK, "POST", "/auth/refresh", "", map[string]any{"refresh_token": l.refresh})
	for id, secret := range l.keys {
		if secret != "" {
			p.must(http.StatusOK, "GET", "/v1/ping", secret, nil)
		} else if n := file.count("SELECT COUNT(*) FROM api_keys WHERE id = ? AND status = 'revoked'", id); n != 1 {
			l.t.Errorf("%s: key %s is not revoked", l.name, id)
		}
	}
	for action, want := range map[string]int{"user.update": l.updates, "user.password": l.passwords} {
		got := file.count("SELECT COUNT(*) FROM audit_events WHERE action = ? AND target_id = ? AND result = 'ok'", action, l.id)
		if got != int64(want) {
			l.t.Errorf("%s: %d times %s, and %d in the trail", l.name, want, action, got)
		}
	}
	used := file.count("SELECT COALESCE(SUM(used), 0) FROM usage WHERE subject = ? AND period = 'day'", l.id)
	if used < int64(l.chats) || used > mortalLimit {
		l.t.Errorf("%s: %d conversations are counted of %d that were answered", l.name, used, l.chats)
	}
}

// messagesStored checks that every message that was acknowledged is stored once
// under its number, and no other but those of which it is not known.
func (l *life) messagesStored(file database) {
	stored := map[string]bool{}
	for _, row := range file.column("SELECT id || ' ' || seq FROM message_logs WHERE conversation IN (SELECT n FROM conversations WHERE conversation_id = ?)", l.name) {
		var id string
		var seq int64
		fmt.Sscan(row, &id, &seq)
		stored[id] = true
		if told, asked := l.messages[id]; !asked || told != seq && told != 0 {
			l.t.Errorf("%s: message %s is number %d and was told to be %d", l.name, id, seq, told)
		}
	}
	for id, seq := range l.messages {
		if seq != 0 && !stored[id] {
			l.t.Errorf("%s: message %s was acknowledged and is not there", l.name, id)
		}
	}
}
