package stress_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// ledgerLimit is how many conversations a day the accounts have: few enough to
// be reached.
const ledgerLimit = 60

// windowOver is longer than a killed process keeps the window of its message
// log: whoever starts then reports it.
const windowOver = 20 * time.Second

// unbalanced are books that no kill may leave behind. As in impossible, every
// query counts what must not be.
var unbalanced = map[string]string{
	"a balance that is not the sum of its ledger":     `SELECT COUNT(*) FROM balances b WHERE amount <> (SELECT COALESCE(SUM(amount), 0) FROM ledger_entries e WHERE e.user_id = b.user_id)`,
	"a ledger without a balance":                      `SELECT COUNT(*) FROM ledger_entries e WHERE NOT EXISTS (SELECT 1 FROM balances b WHERE b.user_id = e.user_id)`,
	"a balance below zero":                            `SELECT (SELECT COUNT(*) FROM balances WHERE amount < 0) + (SELECT COUNT(*) FROM ledger_entries WHERE balance < 0)`,
	"an entry that does not follow from those before": `SELECT COUNT(*) FROM (SELECT balance, SUM(amount) OVER (PARTITION BY user_id ORDER BY created_at) AS total FROM ledger_entries) WHERE balance <> total`,
	"a balance that no grants make up":                `SELECT COUNT(*) FROM balances b WHERE amount <> (SELECT COALESCE(SUM(remaining), 0) FROM ledger_entries e WHERE e.user_id = b.user_id)`,
	"a grant that is not what was left of it": `SELECT COUNT(*) FROM ledger_entries g
		LEFT JOIN (SELECT grant_id, SUM(amount) AS change FROM ledger_entries WHERE grant_id <> '' GROUP BY grant_id) t ON t.grant_id = g.id
		WHERE kind = 'grant' AND (remaining > amount OR remaining <> amount + COALESCE(change, 0))`,
	"an order that was granted twice":    `SELECT COUNT(*) FROM (SELECT 1 FROM ledger_entries WHERE idempotency_key <> '' GROUP BY user_id, idempotency_key HAVING COUNT(*) > 1)`,
	"a grant not audited once":           `SELECT ABS((SELECT COUNT(*) FROM ledger_entries WHERE kind = 'grant') - (SELECT COUNT(*) FROM audit_events WHERE action = 'user.credits' AND result = 'ok'))`,
	"a spend or refund without a charge": `SELECT COUNT(*) FROM ledger_entries WHERE kind IN ('spend', 'refund') AND reservation_id NOT IN (SELECT id FROM reservations WHERE status LIKE 'settled%')`,
	"a charge that is not in the ledger": `SELECT COUNT(*) FROM reservations r
		LEFT JOIN (SELECT reservation_id, SUM(shortfall) AS short, -SUM(amount) FILTER (WHERE kind = 'spend') AS spent, SUM(amount) FILTER (WHERE kind = 'refund') AS back
			FROM ledger_entries WHERE reservation_id <> '' GROUP BY reservation_id) e ON e.reservation_id = r.id
		WHERE meter = 'credits' AND (settled - shortfall <> COALESCE(spent, 0) OR shortfall <> COALESCE(short, 0) OR refunded <> COALESCE(back, 0))`,
	// Of units that were consumed there is the verdict alone, which is remembered.
	"use that is not what was charged": `SELECT COUNT(*) FROM usage u WHERE period = 'day' AND used <>
		(SELECT COALESCE(SUM(settled), 0) FROM reservations r WHERE r.subject = u.subject AND r.meter = u.meter AND status LIKE 'settled%' AND refunded = 0) +
		(SELECT COALESCE(SUM(json_extract(CAST(outcome AS TEXT), '$.reservation.settled')), 0) FROM idempotency_records
			WHERE u.meter = 'conversations' AND json_extract(CAST(outcome AS TEXT), '$.reservation.meter') = 'conversations'
			AND json_extract(CAST(outcome AS TEXT), '$.reservation.subject') = u.subject)`,
	"more used or held than allowed": fmt.Sprintf(`SELECT COUNT(*) FROM users u WHERE
		COALESCE((SELECT SUM(used) FROM usage g WHERE g.subject = u.id AND meter = 'conversations' AND period = 'day'), 0) +
		COALESCE((SELECT SUM(amount) FROM holds h WHERE h.subject = u.id AND meter = 'conversations' AND period = 'day' AND h.expires_at > ?1), 0) > %d`, ledgerLimit),
	"more held than a careful account has": `SELECT COUNT(*) FROM users u WHERE username LIKE 'careful%' AND
		COALESCE((SELECT amount FROM balances WHERE user_id = u.id), 0) <
		COALESCE((SELECT SUM(amount) FROM holds h WHERE h.subject = u.id AND meter = 'credits' AND period = '' AND h.expires_at > ?1), 0)`,
	// Past its deadline a lease may have lost some to others: ten seconds before, none.
	"a lease without all its holds": `SELECT COUNT(*) FROM reservations r WHERE status = 'held' AND expires_at > ?1 + 10000000 AND (meter = 'credits') + 1 <>
		(SELECT COUNT(*) FROM holds h WHERE h.subject = r.subject AND h.meter = r.meter AND h.reservation_id = r.id)`,
	"a lease with more holds than its own": `SELECT COUNT(*) FROM reservations r WHERE status = 'held' AND (meter = 'credits') + 1 <
		(SELECT COUNT(*) FROM holds h WHERE h.subject = r.subject AND h.meter = r.meter AND h.reservation_id = r.id)`,
	"a gap in the trail": `SELECT COUNT(*) - MAX(seq) FROM audit_events`,
	"a trail that does not end at its head": `SELECT COUNT(*) FROM audit_head h WHERE NOT EXISTS
		(SELECT 1 FROM audit_events e WHERE e.seq = h.seq AND e.chain = h.chain) OR h.seq < (SELECT MAX(seq) FROM audit_events)`,
	"a hold without its lease":       impossible["a hold without its lease"],
	"a gap in a conversation":        impossible["a gap in a conversation"],
	"a conversation that ends wrong": impossible["a conversation that ends wrong"],
}

// siege is a number of accounts whose hosts are killed.
type siege struct {
	t         *testing.T
	host      settings
	ahead     atomic.Int64 // of the clocks of all hosts that live
	slots     []*slot
	processes []*process // all that ever were
	file      database
	accounts  []*account
	done      tally
	starts    figures

	// At the last look at what was enqueued, how many processes there had been,
	// how many messages were reported as lost at most, and how many were missing.
	seen, told, missed int
}

// Two processes are killed and replaced under a load of grants, charges, leases
// and messages, all of which are asked again until they are answered. Then and
// always the books are right: what was acknowledged is there once, and what was
// only enqueued is missing to the extent that is reported at most.
func TestCase_RL_12_Q4_Q16_AU_07_AU_08_QT_08_KilledProcessesKeepTheBooks(t *testing.T) {
	beside(t)
	path := databasePath(t)
	s := &siege{t: t, host: settings{Path: path, Ahead: tillNoon(), Variables: []string{
		fmt.Sprint("USERMGMT_DAILY_CONVERSATIONS=", ledgerLimit),
		"USERMGMT_MESSAGE_BATCH_SIZE=8", "USERMGMT_MESSAGE_WINDOW=32", // so that its bound is near
	}}}
	s.ahead.Store(int64(s.host.Ahead))
	s.slots = []*slot{{p: s.start()}, {p: s.start()}}
	s.file = openFile(t, path)
	secret := s.slots[0].p.must(http.StatusOK, "POST", "/control/credits/service-key", "", nil).text("key")
	var spenders []*spender
	for i := range 8 {
		if i%2 == 0 {
			s.open(i)
		}
		spenders = append(spenders, s.spender(s.accounts[i/2], secret, fmt.Sprint("spender-", i)))
	}
	var over atomic.Bool
	var load sync.WaitGroup
	for _, one := range spenders {
		load.Go(func() { one.run(over.Load) })
	}
	s.killAgain()
	over.Store(true)
	load.Wait()
	for _, p := range s.slots {
		p.current().terminate()
	}
	s.file.whole()
	s.file.none(unbalanced, s.host.Ahead)
	s.settleUp(secret)
	t.Logf("done: %v; %d enqueued messages lost, at most %d reported; a start took %v", &s.done, s.missed, s.reported(), &s.starts)
}

func (s *siege) start() *process {
	s.t.Helper()
	began := time.Now()
	p := start(s.t, s.host)
	s.starts.add(time.Since(began))
	s.processes = append(s.processes, p)
	return p
}

// open opens an account. Every second one is careful.
func (s *siege) open(n int) {
	a := &account{
		name: fmt.Sprint([]string{"careful", "bold"}[n/2%2], n), careful: n/2%2 == 0,
		granted: map[string]int64{}, queued: map[string]*process{}, asked: map[string]bool{},
	}
	a.id = s.slots[0].p.newPerson(a.name).id
	s.accounts = append(s.accounts, a)
}

func (s *siege) spender(a *account, secret, name string) *spender {
	ahead := func() time.Duration { return time.Duration(s.ahead.Load()) }
	return &spender{account: a, t: s.t, slots: s.slots, ahead: ahead, secret: secret, name: name, done: &s.done}
}

// killAgain kills three times one process, then both, and so on, and looks at
// the books each time.
func (s *siege) killAgain() {
	s.t.Helper()
	for round, kills := 1, 0; kills < form(6, 200) && !s.t.Failed(); round++ {
		<-time.After(5*time.Millisecond + rand.N(295*time.Millisecond))
		if round%3 == 0 {
			s.killBoth()
			kills += 2
		} else {
			one := s.slots[rand.N(len(s.slots))]
			one.current().kill()
			one.set(s.start())
			kills++
		}
		s.file.none(unbalanced, s.host.Ahead)
		s.verifyTrail()
	}
}

// killBoth leaves nobody, and hosts that start later.
func (s *siege) killBoth() {
	s.t.Helper()
	for _, one := range s.slots {
		one.current().kill()
	}
	s.file.none(unbalanced, s.host.Ahead)
	s.later(windowOver, s.slots)
}

// later starts hosts where all are dead, with clocks that show so much more that
// the windows of the dead's message logs have ended. The hosts report them: at
// least what is missing.
func (s *siege) later(by time.Duration, slots []*slot) {
	s.t.Helper()
	left := s.file.column("SELECT id FROM message_windows")
	missing := s.missing(s.processes[s.seen:])
	s.seen = len(s.processes)
	s.missed += missing
	s.host.Ahead += by
	s.ahead.Store(int64(s.host.Ahead))
	for _, one := range slots {
		one.set(s.start())
	}
	s.awaitReport(left, missing)
	s.told = s.reported()
}

// missing counts the messages that some processes acknowledged and that are not
// stored.
func (s *siege) missing(dead []*process) (n int) {
	stored := s.file.column("SELECT id FROM message_logs ORDER BY id")
	for _, a := range s.accounts {
		a.note(func() {
			for id, by := range a.queued {
				if _, there := slices.BinarySearch(stored, id); !there && slices.Contains(dead, by) {
					n++
				}
			}
		})
	}
	return n
}

// awaitReport waits until the windows that were left are taken by somebody, and
// as many messages are reported as are missing.
func (s *siege) awaitReport(left []string, missing int) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; {
		open := s.file.column("SELECT id FROM message_windows")
		taken := !slices.ContainsFunc(left, func(id string) bool { return slices.Contains(open, id) })
		if taken && s.reported()-s.told >= missing {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	s.t.Errorf("%d enqueued messages are missing, at most %d are reported", missing, s.reported()-s.told)
}

// lossLine is what a log says of a process that was killed.
var lossLine = regexp.MustCompile(`messages_at_most=(\d+)`)

// reported is how many messages all processes together said are lost at most.
func (s *siege) reported() (n int) {
	for _, p := range s.processes {
		for _, found := range lossLine.FindAllStringSubmatch(p.log.String(), -1) {
			rows, _ := strconv.Atoi(found[1])
			n += rows
		}
	}
	return n
}

// settleUp starts a host when every lease has run out, and holds all books
// against what is so.
func (s *siege) settleUp(secret string) {
	s.t.Helper()
	ended := []*process{s.slots[0].p, s.slots[1].p}
	var last slot
	s.later(2*time.Hour, []*slot{&last})
	for _, a := range s.accounts {
		one := s.spender(a, secret, "last-"+a.name)
		one.slots = []*slot{&last}
		s.stored(a, ended)
		s.books(a)
		one.repeatAll(s.file)
		one.spendAll(s.file)
	}
	s.file.none(unbalanced, s.host.Ahead)
	s.verifyTrail()
}

// verifyTrail looks whether the audit trail is what was written, and what anchors
// say, whoever died in the middle of it.
func (s *siege) verifyTrail() {
	s.t.Helper()
	db, err := sqlite.OpenReadOnly(s.t.Context(), s.host.Path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	trail, err := usermgmt.AuditTrail(usermgmt.Config{DatabaseURL: "sqlite:" + s.host.Path, AuditKeys: []string{auditKey}}, db)
	if err != nil {
		s.t.Fatal(err)
	}
	defer trail.Close()
	v, err := trail.Verify(s.t.Context(), audit.VerifyOptions{})
	if err != nil || !v.Valid || v.Events == 0 {
		s.t.Errorf("the audit trail: %+v %+v: %v", v, v.FirstBad, err)
	}
}

// stored checks that what is stored was asked for, and that nothing is missing
// that was acknowledged as stored, or by processes that ended cleanly.
func (s *siege) stored(a *account, ended []*process) {
	stored := s.file.column("SELECT id FROM message_logs WHERE user_id = ? ORDER BY id", a.id)
	for i, id := range stored {
		if !a.asked[id] || i > 0 && stored[i-1] == id {
			s.t.Errorf("%s: message %s is there twice or was never asked for", a.name, id)
		}
	}
	must := slices.Clone(a.durable)
	for id, by := range a.queued {
		if slices.Contains(ended, by) {
			must = append(must, id)
		}
	}
	for _, id := range must {
		if _, there := slices.BinarySearch(stored, id); !there {
			s.t.Errorf("%s: message %s was acknowledged and is not there", a.name, id)
		}
	}
}

// books holds the ledger and the use of an account against what spenders were
// told.
func (s *siege) books(a *account) {
	grants := s.file.column("SELECT id || ' ' || amount FROM ledger_entries WHERE user_id = ? AND kind = 'grant' ORDER BY id", a.id)
	var told []string
	for id, amount := range a.granted {
		told = append(told, fmt.Sprint(id, " ", amount))
	}
	slices.Sort(told)
	if !slices.Equal(grants, told) {
		s.t.Errorf("%s: %d grants are in the ledger, %d were acknowledged", a.name, len(grants), len(told))
	}
	for what, want := range map[string]int64{
		"SELECT COALESCE(-SUM(amount), 0) FROM ledger_entries WHERE user_id = ? AND kind = 'spend'":                 a.spent,
		"SELECT COALESCE(SUM(amount), 0) FROM ledger_entries WHERE user_id = ? AND kind = 'refund'":                 a.refunded,
		"SELECT COALESCE(SUM(used), 0) FROM usage WHERE subject = ? AND meter = 'conversations' AND period = 'day'": a.used,
	} {
		if got := s.file.count(what, a.id); got != want {
			s.t.Errorf("%s: %d were told, and %s is %d", a.name, want, what, got)
		}
	}
	if a.careful && s.file.count("SELECT COUNT(*) FROM ledger_entries WHERE user_id = ? AND shortfall <> 0", a.id) != 0 {
		s.t.Errorf("%s: the balance did not cover what was held", a.name)
	}
}

// repeatAll asks again for what took effect, which has no other effect.
func (s *spender) repeatAll(file database) {
	const entries = "SELECT COUNT(*) FROM ledger_entries WHERE user_id = ? AND kind <> 'expire'"
	before := file.count(entries, s.id)
	for _, a := range s.admitted {
		status := http.StatusOK
		if a.path == "/service/reservations" {
			status = http.StatusCreated
		}
		s.again(a, status)
	}
	if after := file.count(entries, s.id); after != before {
		s.t.Errorf("%s: %d entries were made by repeats", s.name, after-before)
	}
}

// spendAll uses up what is left, which is all that no lease was settled with.
func (s *spender) spendAll(file database) {
	consume := func(meter string, amount int64, status int) {
		s.ask(s.charge("/service/consume", map[string]any{"meter": meter, "amount": amount}), status)
	}
	if left := ledgerLimit - s.used; left > 0 {
		consume(metering.Conversations, left, http.StatusOK)
	}
	consume(metering.Conversations, 1, http.StatusTooManyRequests)

	b, _ := s.ask(request{method: "POST", path: "/control/credits/balance?user=" + s.id}, http.StatusOK)
	ended := file.count("SELECT COALESCE(SUM(remaining), 0) FROM ledger_entries WHERE user_id = ? AND expires_at > 0", s.id)
	amount := file.count("SELECT COALESCE(SUM(amount), 0) FROM ledger_entries WHERE user_id = ?", s.id) - ended
	if b.number("amount") != amount || b.number("reserved") != 0 {
		s.t.Errorf("%s: the balance is %s; the ledger says %d", s.name, b.raw, amount)
	}
	if amount > 0 {
		consume(metering.Credits, amount, http.StatusOK)
	}
	consume(metering.Credits, 1, http.StatusPaymentRequired)
}
