package storetest

import (
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testMeterErase(t *testing.T, open Opener) {
	// fill gives a user counters, leases, a balance and a ledger, and returns one
	// of the counters with the held and the ended lease.
	fill := func(t *testing.T, m meter) (p purse, l store.CounterLimit, held, ended store.Reserve) {
		t.Helper()
		l = newCounter(10)
		p = purse{m, l.Subject}
		p.grant(t, newGrant(p.user, 100))
		held, ended = lease(2, l), lease(1, l)
		held.Subject, ended.Subject = p.user, p.user
		m.reserve(t, held, ended, consume(3, l), p.ask(0, 40, true), p.ask(0, 10, false))
		m.settle(t, store.Settle{ID: ended.ID, Amount: 1, Now: moment(1)})
		return p, l, held, ended
	}
	gone := func(t *testing.T, m meter, id string) {
		t.Helper()
		_, err := m.MeterSettle(t.Context(), []store.Settle{{ID: id, Amount: 1, Now: moment(2)}})
		wantError(t, err, store.ErrNotFound)
	}

	t.Run("MeterErase/AllOfOneSubject", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		p, l, held, ended := fill(t, m)
		other, its, lease, _ := fill(t, m)
		want(t, got(m.MeterErase(t.Context(), p.user, moment(0), 100))(t) > 5, true)
		m.wantUsage(t, moment(2), l, 0, 0)
		p.wantBalance(t, 2, 0, 0)
		want(t, p.ledger(t), nil)
		gone(t, m, held.ID)
		gone(t, m, ended.ID)
		want(t, got(m.MeterErase(t.Context(), p.user, moment(0), 100))(t), 0)

		m.wantUsage(t, moment(2), its, 4, 2)
		other.wantBalance(t, 2, 60, 10)
		want(t, len(other.ledger(t)), 2)
		m.settle(t, store.Settle{ID: lease.ID, Amount: 2, Now: moment(2)})
	})
	t.Run("MeterErase/InParts", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		p, l, held, ended := fill(t, m)
		parts := 1
		for got(m.MeterErase(t.Context(), p.user, moment(0), 2))(t) == 2 {
			parts++
		}
		want(t, parts > 3, true)
		m.wantUsage(t, moment(2), l, 0, 0)
		p.wantBalance(t, 2, 0, 0)
		want(t, p.ledger(t), nil)
		gone(t, m, held.ID)
		gone(t, m, ended.ID)
	})
	t.Run("MeterErase/LeasesMadeSinceOnly", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		p, _, _, ended := fill(t, m)
		got(m.MeterErase(t.Context(), p.user, moment(1), 100))(t)
		want(t, m.settle(t, store.Settle{ID: ended.ID, Release: true, Now: moment(2)})[0].Settled, int64(1))
		want(t, got(m.MeterErase(t.Context(), p.user, moment(0), 100))(t), 4)
		gone(t, m, ended.ID)
	})
	t.Run("MeterErase/Nobody", func(t *testing.T) {
		t.Parallel()
		want(t, got(open(t).MeterErase(t.Context(), newID("usr_"), moment(0), 9))(t), 0)
	})
}

// testPersonErase fills the rooms of two subjects and empties one's.
func testPersonErase(t *testing.T, open Opener) {
	// inParts calls erase until a part comes back short, and returns how many went.
	inParts := func(t *testing.T, erase func(limit int) (int, error)) (gone int) {
		t.Helper()
		for {
			n := got(erase(2))(t)
			gone += n
			if n < 2 {
				want(t, got(erase(2))(t), 0)
				return gone
			}
		}
	}
	t.Run("SessionErase/LiveAndEndedWithTheirTokens", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		subject := newID("usr_")
		ended := newSession(subject)
		ended.RevokedAt = moment(3)
		tokens := []store.RefreshToken{insertWithToken(t, s, newSession(subject)), insertWithToken(t, s, newSession(subject)), insertWithToken(t, s, ended)}
		other := insertWithToken(t, s, newSession(newID("usr_")))
		want(t, inParts(t, func(limit int) (int, error) { return s.SessionErase(t.Context(), subject, limit) }), 3)
		for _, token := range tokens {
			wantError(t, drop(s.SessionGet(t.Context(), token.SessionID)), store.ErrNotFound)
			wantError(t, drop(s.RefreshTokenGet(t.Context(), token.Hash)), store.ErrNotFound)
		}
		must(t, drop(s.SessionGet(t.Context(), other.SessionID)))
		must(t, drop(s.RefreshTokenGet(t.Context(), other.Hash)))
	})
	t.Run("MessageErase/MessagesAndConversationsOfOneUser", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		user, other := newID("usr_"), newID("usr_")
		batch := []store.Message{newMessage(user, "con_1"), newMessage(other, "con_1"), newMessage(user, "con_1"), newMessage(user, "con_2")}
		stored := got(s.MessageAppend(t.Context(), batch))(t)
		want(t, inParts(t, func(limit int) (int, error) { return s.MessageErase(t.Context(), user, limit) }), 5)
		want(t, got(s.MessageList(t.Context(), store.MessageFilter{}, store.Page{}))(t).Items, stored[1:2])
		again := newMessage(user, "con_1")
		want(t, got(s.MessageAppend(t.Context(), []store.Message{again}))(t)[0].Seq, int64(1))
		more := newMessage(other, "con_1")
		want(t, got(s.MessageAppend(t.Context(), []store.Message{more}))(t)[0].Seq, int64(2))
	})
}
