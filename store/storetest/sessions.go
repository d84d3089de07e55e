package storetest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// newSession makes a session that is live between moment(0) and moment(100).
func newSession(subject string) store.Session {
	return store.Session{
		ID: newID("ses_"), Kind: store.ActorUser, Subject: subject, IP: "2001:db8::1", UserAgent: "curl/8",
		CreatedAt: moment(0), LastSeen: moment(1), ExpiresAt: moment(1000), IdleUntil: moment(100),
		ReauthAt: moment(2),
	}
}

func keptSession(s store.Session) store.Session {
	s.CreatedAt, s.LastSeen, s.ExpiresAt = kept(s.CreatedAt), kept(s.LastSeen), kept(s.ExpiresAt)
	s.IdleUntil, s.ReauthAt, s.RevokedAt = kept(s.IdleUntil), kept(s.ReauthAt), kept(s.RevokedAt)
	return s
}

func testSessions(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, v store.Session)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSession(newID("usr_"))
			must(t, s.SessionInsert(t.Context(), v))
			fn(t, v)
		})
	}

	run("SessionGet/ReturnsWhatWasStored", func(t *testing.T, v store.Session) {
		want(t, got(s.SessionGet(t.Context(), v.ID))(t), keptSession(v))
	})
	run("SessionGet/Missing", func(t *testing.T, _ store.Session) {
		_, err := s.SessionGet(t.Context(), newID("ses_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionInsert/Duplicate", func(t *testing.T, v store.Session) {
		wantError(t, s.SessionInsert(t.Context(), v), store.ErrConflict)
	})
	run("SessionWithUser/ReturnsBoth", func(t *testing.T, _ store.Session) {
		u := newUser()
		v := newSession(u.ID)
		must(t, s.UserInsert(t.Context(), u))
		must(t, s.SessionInsert(t.Context(), v))
		session, user, err := s.SessionWithUser(t.Context(), v.ID)
		must(t, err)
		want(t, session, keptSession(v))
		want(t, user, keptUser(u))
	})
	run("SessionWithUser/MissingUser", func(t *testing.T, v store.Session) {
		_, _, err := s.SessionWithUser(t.Context(), v.ID)
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionWithUser/MissingSession", func(t *testing.T, _ store.Session) {
		_, _, err := s.SessionWithUser(t.Context(), newID("ses_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("SessionUpdate/ReplacesWhatMayChange", func(t *testing.T, v store.Session) {
		next := store.Session{ID: v.ID, Kind: store.ActorAdmin, Subject: "other", IP: "192.0.2.7", UserAgent: "ua",
			CreatedAt: moment(70), LastSeen: moment(71), ExpiresAt: moment(72), IdleUntil: moment(73),
			ReauthAt: moment(74), RevokedAt: moment(75)}
		must(t, s.SessionUpdate(t.Context(), next))
		v.LastSeen, v.IdleUntil, v.ReauthAt, v.IP, v.UserAgent = next.LastSeen, next.IdleUntil, next.ReauthAt, next.IP, next.UserAgent
		want(t, got(s.SessionGet(t.Context(), v.ID))(t), keptSession(v))
	})
	run("SessionUpdate/Missing", func(t *testing.T, v store.Session) {
		v.ID = newID("ses_")
		wantError(t, s.SessionUpdate(t.Context(), v), store.ErrNotFound)
	})
	t.Run("SessionList/LiveOnesOfOneSubject", func(t *testing.T) {
		t.Parallel()
		subject := newID("usr_")
		var live []store.Session
		for i := range 5 {
			v := newSession(subject)
			v.CreatedAt = moment(i / 2)
			must(t, s.SessionInsert(t.Context(), v))
			live = append(live, keptSession(v))
		}
		for _, end := range []func(*store.Session){
			func(v *store.Session) { v.ExpiresAt = moment(50) },
			func(v *store.Session) { v.IdleUntil = moment(50) },
			func(v *store.Session) { v.RevokedAt = moment(90) },
			func(v *store.Session) { v.Subject = newID("usr_") },
		} {
			v := newSession(subject)
			end(&v)
			must(t, s.SessionInsert(t.Context(), v))
		}
		slices.SortFunc(live, func(a, b store.Session) int { return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
		testPaging(t, sessionPager(s, subject, moment(50)), live)
	})
}

func sessionPager(s store.Store, subject string, now time.Time) pager[store.Session] {
	return func(ctx context.Context, p store.Page) (store.List[store.Session], error) {
		return s.SessionList(ctx, subject, now, p)
	}
}

func testSessionEnds(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, v store.Session)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSession(newID("usr_"))
			must(t, s.SessionInsert(t.Context(), v))
			fn(t, v)
		})
	}

	run("SessionRevoke/OnceAndForGood", func(t *testing.T, v store.Session) {
		want(t, got(s.SessionRevoke(t.Context(), v.ID, moment(10)))(t), true)
		want(t, got(s.SessionRevoke(t.Context(), v.ID, moment(20)))(t), false)
		v.RevokedAt = moment(10)
		want(t, got(s.SessionGet(t.Context(), v.ID))(t), keptSession(v))
	})
	run("SessionRevoke/NotWhenItEndedByItself", func(t *testing.T, v store.Session) {
		want(t, got(s.SessionRevoke(t.Context(), v.ID, v.IdleUntil))(t), false)
		want(t, got(s.SessionRevoke(t.Context(), v.ID, v.ExpiresAt))(t), false)
		want(t, got(s.SessionGet(t.Context(), v.ID))(t), keptSession(v))
	})
	run("SessionRevoke/FalseWhenMissing", func(t *testing.T, _ store.Session) {
		want(t, got(s.SessionRevoke(t.Context(), newID("ses_"), moment(0)))(t), false)
	})
	run("SessionRevoke/OfManyExactlyOne", func(t *testing.T, v store.Session) {
		var won atomic.Int64
		together(20, func(i int) {
			done, err := s.SessionRevoke(t.Context(), v.ID, moment(i))
			if err != nil {
				t.Error(err)
			}
			if done {
				won.Add(1)
			}
		})
		want(t, won.Load(), 1)
	})
	run("SessionRevokeAll/LiveOnesOfOneSubjectButOne", func(t *testing.T, spared store.Session) {
		var ended []string
		for range 3 {
			v := newSession(spared.Subject)
			must(t, s.SessionInsert(t.Context(), v))
			ended = append(ended, v.ID)
		}
		dead := newSession(spared.Subject)
		dead.RevokedAt = moment(3)
		other := newSession(newID("usr_"))
		must(t, s.SessionInsert(t.Context(), dead))
		must(t, s.SessionInsert(t.Context(), other))

		ids := got(s.SessionRevokeAll(t.Context(), spared.Subject, spared.ID, moment(10)))(t)
		slices.Sort(ids)
		slices.Sort(ended)
		want(t, ids, ended)
		for _, id := range ended {
			want(t, got(s.SessionGet(t.Context(), id))(t).RevokedAt, kept(moment(10)))
		}
		for _, v := range []store.Session{spared, dead, other} {
			want(t, got(s.SessionGet(t.Context(), v.ID))(t), keptSession(v))
		}
		want(t, got(s.SessionRevokeAll(t.Context(), spared.Subject, "", moment(11)))(t), []string{spared.ID})
		want(t, got(s.SessionRevokeAll(t.Context(), spared.Subject, "", moment(12)))(t), nil)
	})
	t.Run("SessionPurge/EndedOnesWithTheirTokensInChunks", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var gone []store.RefreshToken
		for _, end := range []func(*store.Session){
			func(v *store.Session) { v.ExpiresAt = moment(10) },
			func(v *store.Session) { v.IdleUntil = moment(10) },
			func(v *store.Session) { v.RevokedAt = moment(10) },
		} {
			v := newSession(newID("usr_"))
			end(&v)
			gone = append(gone, insertWithToken(t, s, v))
		}
		live := insertWithToken(t, s, newSession(newID("usr_")))

		want(t, got(s.SessionPurge(t.Context(), moment(10), 5))(t), 0)
		want(t, got(s.SessionPurge(t.Context(), moment(11), 2))(t), 2)
		want(t, got(s.SessionPurge(t.Context(), moment(11), 2))(t), 1)
		want(t, got(s.SessionPurge(t.Context(), moment(11), 2))(t), 0)
		for _, token := range gone {
			_, err := s.SessionGet(t.Context(), token.SessionID)
			wantError(t, err, store.ErrNotFound)
			_, err = s.RefreshTokenGet(t.Context(), token.Hash)
			wantError(t, err, store.ErrNotFound)
		}
		got(s.SessionGet(t.Context(), live.SessionID))(t)
		got(s.RefreshTokenGet(t.Context(), live.Hash))(t)
	})
}

func insertWithToken(t *testing.T, s store.Store, v store.Session) store.RefreshToken {
	t.Helper()
	token := store.RefreshToken{Hash: newHash(), SessionID: v.ID, CreatedAt: moment(0)}
	must(t, s.SessionInsert(t.Context(), v))
	must(t, s.RefreshTokenInsert(t.Context(), token))
	return token
}

func testRefreshTokens(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, token store.RefreshToken)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := insertWithToken(t, s, newSession(newID("usr_")))
			token.CreatedAt = kept(token.CreatedAt)
			fn(t, token)
		})
	}

	run("RefreshTokenGet/ReturnsWhatWasStored", func(t *testing.T, token store.RefreshToken) {
		want(t, got(s.RefreshTokenGet(t.Context(), token.Hash))(t), token)
		used := store.RefreshToken{Hash: newHash(), SessionID: token.SessionID, Seq: 7, CreatedAt: kept(moment(3)),
			SuccessorHash: newHash(), KeyID: "k1", UsedAt: kept(moment(4))}
		must(t, s.RefreshTokenInsert(t.Context(), used))
		want(t, got(s.RefreshTokenGet(t.Context(), used.Hash))(t), used)
	})
	run("RefreshTokenGet/Missing", func(t *testing.T, _ store.RefreshToken) {
		_, err := s.RefreshTokenGet(t.Context(), newHash())
		wantError(t, err, store.ErrNotFound)
	})
	run("RefreshTokenInsert/Duplicate", func(t *testing.T, token store.RefreshToken) {
		wantError(t, s.RefreshTokenInsert(t.Context(), token), store.ErrConflict)
	})
	run("RefreshTokenUse/OnceAndForGood", func(t *testing.T, token store.RefreshToken) {
		use := store.RefreshUse{Hash: token.Hash, SuccessorHash: newHash(), KeyID: "k1", At: moment(5)}
		want(t, got(s.RefreshTokenUse(t.Context(), use))(t), true)
		again := store.RefreshUse{Hash: token.Hash, SuccessorHash: newHash(), KeyID: "k2", At: moment(6)}
		want(t, got(s.RefreshTokenUse(t.Context(), again))(t), false)
		token.SuccessorHash, token.KeyID, token.UsedAt = use.SuccessorHash, use.KeyID, kept(use.At)
		want(t, got(s.RefreshTokenGet(t.Context(), token.Hash))(t), token)
	})
	run("RefreshTokenUse/FalseWhenMissing", func(t *testing.T, _ store.RefreshToken) {
		want(t, got(s.RefreshTokenUse(t.Context(), store.RefreshUse{Hash: newHash(), At: moment(5)}))(t), false)
	})
	run("RefreshTokenForget/TheFirstLinksOfOneSession", func(t *testing.T, token store.RefreshToken) {
		other := insertWithToken(t, s, newSession(newID("usr_")))
		chain := []store.RefreshToken{token}
		for seq := range int64(3) {
			link := store.RefreshToken{Hash: newHash(), SessionID: token.SessionID, Seq: seq + 1}
			must(t, s.RefreshTokenInsert(t.Context(), link))
			chain = append(chain, link)
		}
		must(t, s.RefreshTokenForget(t.Context(), token.SessionID, 0))
		must(t, s.RefreshTokenForget(t.Context(), token.SessionID, 2))
		must(t, s.RefreshTokenForget(t.Context(), newID("ses_"), 2))
		for _, gone := range chain[:2] {
			_, err := s.RefreshTokenGet(t.Context(), gone.Hash)
			wantError(t, err, store.ErrNotFound)
		}
		for _, kept := range append(chain[2:], other) {
			got(s.RefreshTokenGet(t.Context(), kept.Hash))(t)
		}
	})
	run("RefreshTokenUse/RT-02 OfManyExactlyOne", func(t *testing.T, token store.RefreshToken) {
		var won atomic.Pointer[store.RefreshUse]
		var times atomic.Int64
		together(50, func(int) {
			use := store.RefreshUse{Hash: token.Hash, SuccessorHash: newHash(), KeyID: "k", At: moment(5)}
			done, err := s.RefreshTokenUse(t.Context(), use)
			if err != nil {
				t.Error(err)
			}
			if done {
				times.Add(1)
				won.Store(&use)
			}
		})
		want(t, times.Load(), 1)
		want(t, got(s.RefreshTokenGet(t.Context(), token.Hash))(t).SuccessorHash, won.Load().SuccessorHash)
	})
}
