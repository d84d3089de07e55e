package audit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// ledger is a trail in a database, with its anchors beside it.
type ledger struct {
	*audit.Trail
	t    testing.TB
	db   *sqlite.Store
	path string
	file string // of anchors
	now  time.Time
}

func openLedger(t testing.TB) *ledger {
	t.Helper()
	folder := t.TempDir()
	l := &ledger{t: t, path: filepath.Join(folder, "usermgmt.db"), file: filepath.Join(folder, "usermgmt.db.anchors"), now: noon}
	db, err := sqlite.Open(t.Context(), l.path, nil)
	l.must(err)
	l.db = db
	t.Cleanup(func() { _ = l.db.Close() })
	l.Trail = l.under(1)
	return l
}

// under is the trail with other keys, the newest first.
func (l *ledger) under(keys ...byte) *audit.Trail {
	return l.trail(func(c *audit.Config) {
		c.Keys = nil
		for _, k := range keys {
			c.Keys = append(c.Keys, auditKey(k))
		}
	})
}

func (l *ledger) trail(change func(*audit.Config)) *audit.Trail {
	l.t.Helper()
	cfg := audit.Config{Store: l.db, Keys: [][]byte{auditKey(1)}, Clock: func() time.Time { return l.now }, Anchors: audit.NewAnchorFile(l.file)}
	if change != nil {
		change(&cfg)
	}
	trail, err := audit.New(cfg)
	l.must(err)
	l.t.Cleanup(func() { _ = trail.Close() })
	return trail
}

func (l *ledger) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// change makes n changes, each with its event.
func (l *ledger) change(n int) { l.changeBy(l.Trail, n) }

func (l *ledger) changeBy(trail *audit.Trail, n int) {
	l.t.Helper()
	for range n {
		l.now = l.now.Add(time.Second)
		c := suspension()
		c.At = time.Time{}
		l.must(l.db.InTx(l.t.Context(), func(ctx context.Context, q store.Queries) error { return trail.Append(ctx, q, c) }))
	}
}

// tamper runs statements as somebody does who can write to the database.
func (l *ledger) tamper(statements ...string) {
	l.t.Helper()
	for _, s := range statements {
		n, err := l.db.Exec(l.t.Context(), s)
		l.must(err)
		if n == 0 {
			l.t.Fatalf("nothing was changed by %s", s)
		}
	}
}

func (l *ledger) id(seq int64) string {
	l.t.Helper()
	events, err := l.db.AuditAfter(l.t.Context(), seq-1, 1)
	l.must(err)
	if len(events) == 0 || events[0].Seq != seq {
		return ""
	}
	return events[0].ID
}

func (l *ledger) anchor() store.AuditAnchor {
	l.t.Helper()
	a, err := l.Anchor(l.t.Context())
	l.must(err)
	return a
}

// wants holds what Verify finds to what is so.
func (l *ledger) wants(want audit.Verification) {
	l.t.Helper()
	l.found(l.Trail, audit.VerifyOptions{}, want)
}

func (l *ledger) found(trail *audit.Trail, o audit.VerifyOptions, want audit.Verification) {
	l.t.Helper()
	got, err := trail.Verify(l.t.Context(), o)
	l.must(err)
	want.Valid = want.FirstBad == nil
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Errorf("unexpected verification (-want +got):\n%s", diff)
	}
}

func TestVerifyFindsAWholeTrailValid(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.wants(audit.Verification{})
	if a := l.anchor(); a.Seq != 0 {
		t.Errorf("an empty trail has the anchor %+v", a)
	}
	l.change(3)
	l.wants(audit.Verification{Events: 3, FromSeq: 1, ToSeq: 3})
	l.anchor()
	l.change(1200) // more than two pages
	l.wants(audit.Verification{Events: 1203, FromSeq: 1, ToSeq: 1203, AnchoredSeq: 3})
	l.anchor()
	l.found(l.Trail, audit.VerifyOptions{FromAnchor: true}, audit.Verification{Events: 1, FromSeq: 1203, ToSeq: 1203, AnchoredSeq: 1203})
	l.change(2)
	l.found(l.Trail, audit.VerifyOptions{FromAnchor: true}, audit.Verification{Events: 3, FromSeq: 1203, ToSeq: 1205, AnchoredSeq: 1203})
	for range 3 {
		l.Record(failedSignIn("192.0.2.1"))
	}
	l.must(l.Flush(t.Context()))
	l.wants(audit.Verification{Events: 1208, FromSeq: 1, ToSeq: 1208, AnchoredSeq: 1203})
}

// Of ten events, the last anchor covers eight. Somebody who can write to the
// database, and has no key, changes it.
func TestCase_AU_04_S9_VerifyFindsWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	good := func(events, anchored int64) audit.Verification {
		v := audit.Verification{Events: events, ToSeq: events, AnchoredSeq: anchored}
		if events > 0 {
			v.FromSeq = 1
		}
		return v
	}
	for name, c := range map[string]struct {
		tamper []string
		events int64 // that are good before the bad one
		seq    int64 // of the bad one
		found  audit.Problem
	}{
		"edited time":        {[]string{"UPDATE audit_events SET at = at + 1 WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited id":          {[]string{"UPDATE audit_events SET id = 'aud_other' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited actor kind":  {[]string{"UPDATE audit_events SET actor_kind = 'admin' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited actor":       {[]string{"UPDATE audit_events SET actor_id = 'stf_9' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited on behalf":   {[]string{"UPDATE audit_events SET on_behalf_of = '' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited action":      {[]string{"UPDATE audit_events SET action = 'user.reactivate' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited target kind": {[]string{"UPDATE audit_events SET target_kind = 'key' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited owner":       {[]string{"UPDATE audit_events SET target_owner = 'usr_9' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited target":      {[]string{"UPDATE audit_events SET target_id = 'usr_9' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited result":      {[]string{"UPDATE audit_events SET result = 'denied' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited request":     {[]string{"UPDATE audit_events SET request_id = 'req_9' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited count":       {[]string{"UPDATE audit_events SET count = 2 WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited detail hash": {[]string{"UPDATE audit_events SET detail_hash = x'00' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited key":         {[]string{"UPDATE audit_events SET key_id = 'another' WHERE seq = 5"}, 4, 5, audit.KeyMissing},
		"edited MAC":         {[]string{"UPDATE audit_events SET mac = x'00' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited chain":       {[]string{"UPDATE audit_events SET chain = x'00' WHERE seq = 5"}, 4, 5, audit.Edited},
		"edited last chain":  {[]string{"UPDATE audit_events SET chain = x'00' WHERE seq = 10"}, 9, 10, audit.Edited},
		"edited first seq":   {[]string{"UPDATE audit_events SET seq = -1 WHERE seq = 1"}, 0, -1, audit.Reordered},
		"edited seq":         {[]string{"UPDATE audit_events SET seq = 99 WHERE seq = 5"}, 4, 5, audit.Missing},
		"edited head":        {[]string{"UPDATE audit_head SET seq = 7"}, 10, 7, audit.Edited},
		"edited head chain":  {[]string{"UPDATE audit_head SET chain = x'00'"}, 10, 10, audit.Edited},
		"moved head":         {[]string{"UPDATE audit_head SET seq = 99"}, 10, 11, audit.Truncated},

		"edited salt":       {[]string{"UPDATE audit_details SET salt = x'00' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)"}, 4, 5, audit.Edited},
		"edited actor name": {[]string{"UPDATE audit_details SET actor_name = 'tom' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)"}, 4, 5, audit.Edited},
		"edited address":    {[]string{"UPDATE audit_details SET ip = '' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)"}, 4, 5, audit.Edited},
		"edited reason":     {[]string{"UPDATE audit_details SET reason = 'x' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)"}, 4, 5, audit.Edited},
		"edited changes":    {[]string{"UPDATE audit_details SET changes = '{}' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)"}, 4, 5, audit.Edited},
		"another's detail":  {[]string{"DELETE FROM audit_details WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)", "UPDATE audit_details SET event_id = (SELECT id FROM audit_events WHERE seq = 5) WHERE event_id = (SELECT id FROM audit_events WHERE seq = 6)"}, 4, 5, audit.Edited},
		"deleted":           {[]string{"DELETE FROM audit_events WHERE seq = 5"}, 4, 5, audit.Missing},
		"deleted, gap shut": {[]string{"DELETE FROM audit_events WHERE seq = 5", "UPDATE audit_events SET seq = seq - 1 WHERE seq = 6", "UPDATE audit_events SET seq = seq - 1 WHERE seq = 7", "UPDATE audit_events SET seq = seq - 1 WHERE seq = 8"}, 4, 5, audit.Reordered},
		"swapped":           {[]string{"UPDATE audit_events SET seq = 99 WHERE seq = 5", "UPDATE audit_events SET seq = 5 WHERE seq = 6", "UPDATE audit_events SET seq = 6 WHERE seq = 99"}, 4, 5, audit.Reordered},
		"prefix removed":    {[]string{"DELETE FROM audit_events WHERE seq <= 5"}, 0, 1, audit.Missing},
		"prefix removed, start forged": {[]string{"DELETE FROM audit_events WHERE seq <= 8",
			"INSERT INTO audit_anchors SELECT 'start', seq, chain, created_at, key_id, mac FROM audit_anchors WHERE kind = 'mark'"}, 0, 1, audit.Missing},
		"tail removed":           {[]string{"DELETE FROM audit_events WHERE seq > 6"}, 6, 7, audit.Truncated},
		"tail and head removed":  {[]string{"DELETE FROM audit_events WHERE seq > 6", "UPDATE audit_head SET seq = 6, chain = (SELECT chain FROM audit_events WHERE seq = 6)"}, 6, 7, audit.Truncated},
		"newest removed":         {[]string{"DELETE FROM audit_events WHERE seq = 10"}, 9, 10, audit.Truncated},
		"all removed":            {[]string{"DELETE FROM audit_events"}, 0, 1, audit.Truncated},
		"all and head removed":   {[]string{"DELETE FROM audit_events", "DELETE FROM audit_head", "DELETE FROM audit_anchors"}, 0, 1, audit.Truncated},
		"forged event":           {[]string{forged(11), "UPDATE audit_head SET seq = 11, chain = x'00'"}, 10, 11, audit.Edited},
		"forged event, old head": {[]string{forged(11)}, 10, 11, audit.Edited},
		"forged below the first": {[]string{forged(0)}, 0, 0, audit.Edited},
		"forged key":             {[]string{strings.Replace(forged(11), "key_id,", "'0000',", 1)}, 10, 11, audit.KeyMissing},
		"event copied":           {[]string{strings.Replace(forged(11), "'user.register'", "action", 1)}, 10, 11, audit.Edited},
		"detail put back":        {[]string{"INSERT INTO audit_details SELECT (SELECT id FROM audit_events WHERE seq = 2), salt, actor_name, ip, reason, changes FROM audit_details WHERE event_id = (SELECT id FROM audit_events WHERE seq = 3)"}, 1, 2, audit.Edited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			l.change(8)
			l.anchor()
			l.change(2)
			l.tamper("DELETE FROM audit_details WHERE event_id = (SELECT id FROM audit_events WHERE seq = 2)")
			l.wants(good(10, 8)) // of a detail that is gone nothing else is asked
			l.tamper(c.tamper...)
			anchored := int64(0)
			if c.events >= 8 {
				anchored = 8
			}
			want := good(c.events, anchored)
			want.FirstBad = &audit.Bad{Seq: c.seq, ID: l.id(c.seq), Problem: c.found}
			switch {
			case c.found == audit.KeyMissing && name == "edited key":
				want.FirstBad.KeyID = "another"
			case c.found == audit.KeyMissing:
				want.FirstBad.KeyID = "0000"
			case c.found == audit.Truncated, name == "edited head", name == "edited head chain":
				want.FirstBad.ID = ""
			}
			l.wants(want)
		})
	}
}

// forged adds a copy of an event that says something else, at a place.
func forged(seq int) string {
	return fmt.Sprintf(`INSERT INTO audit_events SELECT %d, 'aud_forged', at, actor_kind, actor_id, on_behalf_of, 'user.register', target_kind,
		target_id, target_owner, result, request_id, count, detail_hash, key_id, mac, chain FROM audit_events WHERE seq = 10`, seq)
}

// Who puts back an older copy of the database, and lets it go on, is found by the
// anchors that the copy knows nothing of.
func TestCase_S9_VerifyFindsAnOlderCopy(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(4)
	l.anchor()
	copied := l.path + ".copy"
	l.must(l.db.Backup(t.Context(), copied))
	l.change(4)
	l.anchor()
	l.must(l.db.Close())
	l.must(os.Rename(filepath.Join(copied, filepath.Base(l.path)), l.path))
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(l.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(t.Context(), l.path, nil)
	l.must(err)
	l.db = db
	l.Trail = l.under(1)
	l.wants(audit.Verification{Events: 4, FromSeq: 1, ToSeq: 4, AnchoredSeq: 4, FirstBad: &audit.Bad{Seq: 5, Problem: audit.Truncated}})
	l.found(l.Trail, audit.VerifyOptions{FromAnchor: true}, audit.Verification{FirstBad: &audit.Bad{Seq: 5, Problem: audit.Truncated}})
	l.change(6)
	bad := &audit.Bad{Seq: 8, ID: l.id(8), Problem: audit.Truncated}
	l.wants(audit.Verification{Events: 7, FromSeq: 1, ToSeq: 7, AnchoredSeq: 4, FirstBad: bad})
	l.found(l.Trail, audit.VerifyOptions{FromAnchor: true}, audit.Verification{FirstBad: bad})
}

// An event that was genuine in a copy of the database that went on by itself has
// the right key and the right place, and follows from other events.
func TestCase_AU_04_VerifyFindsAnEventOfAnotherCopy(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(4)
	l.anchor()
	l.change(3)
	_, err := l.db.Exec(t.Context(), "CREATE TABLE elsewhere AS SELECT * FROM audit_events WHERE seq > 4")
	l.must(err)
	l.tamper("DELETE FROM audit_events WHERE seq > 4",
		"UPDATE audit_head SET seq = 4, chain = (SELECT chain FROM audit_events WHERE seq = 4)")
	l.change(3)
	l.wants(audit.Verification{Events: 7, FromSeq: 1, ToSeq: 7, AnchoredSeq: 4})
	l.tamper("DELETE FROM audit_events WHERE seq = 6", "INSERT INTO audit_events SELECT * FROM elsewhere WHERE seq = 6")
	l.wants(audit.Verification{Events: 5, FromSeq: 1, ToSeq: 5, AnchoredSeq: 4, FirstBad: &audit.Bad{Seq: 6, ID: l.id(6), Problem: audit.Reordered}})
}

// A key that is added signs from then on; what was signed before it verifies as
// long as its key is there, and without it says which one is needed.
func TestVerifyAcrossAKeyRotation(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(3)
	first := l.anchor()
	both := l.under(2, 1)
	l.changeBy(both, 3)
	second, err := both.Anchor(t.Context())
	l.must(err)
	if first.KeyID == second.KeyID {
		t.Fatal("the new key does not sign")
	}
	l.found(both, audit.VerifyOptions{}, audit.Verification{Events: 6, FromSeq: 1, ToSeq: 6, AnchoredSeq: 6})
	l.found(l.under(1, 2), audit.VerifyOptions{}, audit.Verification{Events: 6, FromSeq: 1, ToSeq: 6, AnchoredSeq: 6})
	l.found(l.under(1), audit.VerifyOptions{}, audit.Verification{Events: 3, FromSeq: 1, ToSeq: 3, AnchoredSeq: 3,
		FirstBad: &audit.Bad{Seq: 4, ID: l.id(4), Problem: audit.KeyMissing, KeyID: second.KeyID}})
	l.found(l.under(2), audit.VerifyOptions{}, audit.Verification{
		FirstBad: &audit.Bad{Seq: 1, ID: l.id(1), Problem: audit.KeyMissing, KeyID: first.KeyID}})
	// All events are of the new key, the anchor is not.
	l.found(l.under(2), audit.VerifyOptions{FromAnchor: true}, audit.Verification{Events: 1, FromSeq: 6, ToSeq: 6, AnchoredSeq: 6,
		FirstBad: &audit.Bad{Seq: 3, Problem: audit.KeyMissing, KeyID: first.KeyID, Line: 1}})
}

// What is not an anchor of ours is reported, and does not hide the others.
func TestCase_S9_VerifyReportsAnchorsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(2)
	l.anchor()
	whole, err := os.ReadFile(l.file)
	l.must(err)
	for name, line := range map[string]string{
		"cut short":   string(whole[:len(whole)/2]),
		"another seq": strings.Replace(string(whole), `"seq":2`, `"seq":1`, 1),
		"no JSON":     "anchor\n",
		"too long":    strings.Repeat("x", 10_000) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			l := *l
			l.t = t
			l.must(os.WriteFile(l.file, append([]byte(line), append([]byte("\n"), whole...)...), 0o600))
			got, err := l.Verify(t.Context(), audit.VerifyOptions{})
			l.must(err)
			if b := got.FirstBad; got.Valid || b == nil || b.Problem != audit.BadAnchor || b.Line != 1 || got.AnchoredSeq != 2 {
				t.Errorf("%+v %+v", got, b)
			}
		})
	}
	// An anchor of another trail under the same keys is genuine, and wrong here.
	other := openLedger(t)
	other.change(2)
	other.anchor()
	stolen, err := os.ReadFile(other.file)
	l.must(err)
	l.must(os.WriteFile(l.file, append(whole, stolen...), 0o600))
	l.wants(audit.Verification{Events: 1, FromSeq: 1, ToSeq: 1, FirstBad: &audit.Bad{Seq: 2, ID: l.id(2), Problem: audit.Truncated}})
	// One that was there already says nothing new.
	l.must(os.WriteFile(l.file, append(whole, whole...), 0o600))
	l.wants(audit.Verification{Events: 2, FromSeq: 1, ToSeq: 2, AnchoredSeq: 2})
}

// Whatever changes at the same time, what is rolled back too, the trail has no
// gap and verifies at every moment.
func TestCase_AU_04_ParallelChangesMakeOneChain(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	undone := errors.New("undone")
	const changers, each = 8, 40
	var changes sync.WaitGroup
	for i := range changers {
		changes.Go(func() {
			for n := range each {
				err := l.db.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
					if err := l.Append(ctx, q, suspension()); err != nil {
						return err
					}
					if (i+n)%4 == 0 {
						return undone
					}
					return nil
				})
				if err != nil && !errors.Is(err, undone) {
					t.Error(err)
				}
				l.Record(failedSignIn(fmt.Sprint("192.0.2.", i)))
			}
		})
	}
	over := make(chan struct{})
	go func() { changes.Wait(); close(over) }()
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		l.anchor()
		v, err := l.Verify(t.Context(), audit.VerifyOptions{})
		l.must(err)
		if !v.Valid || v.Events != v.ToSeq {
			t.Fatalf("%+v %+v", v, v.FirstBad)
		}
	}
	l.must(l.Flush(t.Context()))
	const total = changers*each*3/4 + changers*each
	l.anchor()
	l.wants(audit.Verification{Events: total, FromSeq: 1, ToSeq: total, AnchoredSeq: total})
}

// Somebody who moves the head back makes the next change fail: the place where
// its event belongs is taken.
func TestAppendRefusesAPlaceThatIsTaken(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(3)
	l.tamper("UPDATE audit_head SET seq = 1")
	err := l.db.InTx(t.Context(), func(ctx context.Context, q store.Queries) error { return l.Append(ctx, q, suspension()) })
	if store.CodeOf(err) != store.ErrInternal {
		t.Errorf("%v", err)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Verify(ctx, audit.VerifyOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzAnchorLine reads any file of anchors: nothing in it is taken for one that
// was not made with the key.
func FuzzAnchorLine(f *testing.F) {
	f.Add([]byte(`{"seq":1,"chain":"00","at":"2026-01-01T00:00:00Z","key_id":"x","mac":"00"}`))
	f.Add([]byte("\n\n{"))
	f.Add([]byte("{\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), rand.Text())
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		trail := newTrail(t, new(memory), func(c *audit.Config) { c.Anchors = audit.NewAnchorFile(path) })
		v, err := trail.Verify(t.Context(), audit.VerifyOptions{})
		whole := content[:bytes.LastIndexByte(content, '\n')+1] // without what is being written
		if err != nil || v.AnchoredSeq != 0 || v.Valid && len(bytes.TrimSpace(whole)) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}
