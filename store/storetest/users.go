package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// newUser makes a user with every field set.
func newUser() store.User {
	id := newID("usr_")
	return store.User{
		ID: id, Username: "name-" + id, Email: id + "@Example.com", EmailVerified: true,
		DisplayName: "Zoë 'Z' \"Q\" \x01; --", Status: store.Suspended,
		SuspendedReason: "late", SuspendedUntil: moment(60),
		Plan: "free", Limits: []store.Limit{{Meter: "conversations", Window: store.Day, Limit: 7}, {Meter: "tokens", Window: store.Month, Limit: store.Unlimited}}, Zone: store.Zone{Name: "Europe/Berlin", Previous: "UTC", From: moment(30)},
		ZoneChangedAt: moment(10), MFAEnabled: true, Metadata: json.RawMessage(`{"a": 1}`),
		CreatedAt: moment(0), UpdatedAt: moment(1), LastLoginAt: moment(2),
	}
}

func keptUser(u store.User) store.User {
	u.SuspendedUntil, u.Zone.From, u.ZoneChangedAt = kept(u.SuspendedUntil), kept(u.Zone.From), kept(u.ZoneChangedAt)
	u.CreatedAt, u.UpdatedAt, u.LastLoginAt = kept(u.CreatedAt), kept(u.UpdatedAt), kept(u.LastLoginAt)
	return u
}

func testUsers(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, u store.User)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser()
			must(t, s.UserInsert(t.Context(), u))
			fn(t, u)
		})
	}

	run("UserGet/ReturnsWhatWasStored", func(t *testing.T, u store.User) {
		want(t, got(s.UserGet(t.Context(), u.ID))(t), keptUser(u))
	})
	run("UserGet/ZeroFieldsStayZero", func(t *testing.T, _ store.User) {
		u := store.User{ID: newID("usr_"), Username: "bare", Status: store.Active}
		must(t, s.UserInsert(t.Context(), u))
		want(t, got(s.UserGet(t.Context(), u.ID))(t), u)
	})
	run("UserGet/Missing", func(t *testing.T, _ store.User) {
		_, err := s.UserGet(t.Context(), newID("usr_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("UserInsert/Duplicate", func(t *testing.T, u store.User) {
		other := newUser()
		other.ID = u.ID
		wantError(t, s.UserInsert(t.Context(), other), store.ErrConflict)
		want(t, got(s.UserGet(t.Context(), u.ID))(t), keptUser(u))
	})
	run("UserUpdate/ReplacesAllButIDAndCreatedAt", func(t *testing.T, u store.User) {
		next := store.User{ID: u.ID, Username: "next-" + u.ID, Status: store.Active, Plan: "pro",
			Zone: store.Zone{Name: "UTC"}, CreatedAt: moment(99), UpdatedAt: moment(5)}
		must(t, s.UserUpdate(t.Context(), next))
		next.CreatedAt = u.CreatedAt
		want(t, got(s.UserGet(t.Context(), u.ID))(t), keptUser(next))
	})
	run("UserUpdate/LeavesOthers", func(t *testing.T, u store.User) {
		other := newUser()
		must(t, s.UserInsert(t.Context(), other))
		u.DisplayName = "changed"
		must(t, s.UserUpdate(t.Context(), u))
		want(t, got(s.UserGet(t.Context(), other.ID))(t), keptUser(other))
	})
	run("UserUpdate/Missing", func(t *testing.T, _ store.User) {
		wantError(t, s.UserUpdate(t.Context(), newUser()), store.ErrNotFound)
	})
	run("UserDelete/RemovesTheRowAlone", func(t *testing.T, u store.User) {
		name := store.Identifier{Kind: store.IdentifierUsername, Value: u.Username, Subject: u.ID}
		hash := store.PasswordHash{Subject: u.ID, Hash: "$2a$", UpdatedAt: kept(moment(0))}
		must(t, s.IdentifierInsert(t.Context(), name))
		must(t, s.PasswordHashPut(t.Context(), hash))
		must(t, s.UserDelete(t.Context(), u.ID))
		_, err := s.UserGet(t.Context(), u.ID)
		wantError(t, err, store.ErrNotFound)
		want(t, got(s.IdentifierGet(t.Context(), name.Kind, name.Value))(t), name)
		want(t, got(s.PasswordHashGet(t.Context(), u.ID))(t), hash)
	})
	run("UserDelete/Missing", func(t *testing.T, _ store.User) {
		wantError(t, s.UserDelete(t.Context(), newID("usr_")), store.ErrNotFound)
	})
}

func testIdentifiers(t *testing.T, open Opener) {
	s := open(t)
	taken := map[store.IdentifierKind]store.Code{
		store.IdentifierUsername: store.ErrUsernameTaken,
		store.IdentifierEmail:    store.ErrEmailTaken,
	}
	for kind, code := range taken {
		t.Run("IdentifierInsert/Taken/"+string(kind), func(t *testing.T) {
			t.Parallel()
			first := store.Identifier{Kind: kind, Value: newID("v"), Subject: newID("usr_")}
			must(t, s.IdentifierInsert(t.Context(), first))
			second := first
			second.Subject = newID("usr_")
			wantError(t, s.IdentifierInsert(t.Context(), second), code)
			wantError(t, s.IdentifierInsert(t.Context(), first), code)
			want(t, got(s.IdentifierGet(t.Context(), kind, first.Value))(t), first)
		})
		t.Run("IdentifierInsert/RL-18 OfManyExactlyOne/"+string(kind), func(t *testing.T) {
			t.Parallel()
			value := newID("v")
			var won, lost atomic.Int64
			together(50, func(int) {
				err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
					u := newUser()
					if err := q.UserInsert(ctx, u); err != nil {
						return err
					}
					return q.IdentifierInsert(ctx, store.Identifier{Kind: kind, Value: value, Subject: u.ID})
				})
				switch store.CodeOf(err) {
				case "":
					won.Add(1)
				case code:
					lost.Add(1)
				default:
					t.Errorf("unexpected error: %v", err)
				}
			})
			want(t, won.Load(), 1)
			want(t, lost.Load(), 49)
		})
	}
	t.Run("IdentifierInsert/KindsAreApart", func(t *testing.T) {
		t.Parallel()
		name := store.Identifier{Kind: store.IdentifierUsername, Value: newID("v"), Subject: newID("usr_")}
		email := store.Identifier{Kind: store.IdentifierEmail, Value: name.Value, Subject: newID("usr_")}
		must(t, s.IdentifierInsert(t.Context(), name))
		must(t, s.IdentifierInsert(t.Context(), email))
		want(t, got(s.IdentifierGet(t.Context(), name.Kind, name.Value))(t), name)
		want(t, got(s.IdentifierGet(t.Context(), email.Kind, email.Value))(t), email)
	})
	t.Run("IdentifierGet/Missing", func(t *testing.T) {
		t.Parallel()
		_, err := s.IdentifierGet(t.Context(), store.IdentifierEmail, newID("v"))
		wantError(t, err, store.ErrNotFound)
	})
	t.Run("IdentifierDelete/FreesOneKindOfOneSubject", func(t *testing.T) {
		t.Parallel()
		subject := newID("usr_")
		name := store.Identifier{Kind: store.IdentifierUsername, Value: newID("v"), Subject: subject}
		email := store.Identifier{Kind: store.IdentifierEmail, Value: newID("v"), Subject: subject}
		other := store.Identifier{Kind: store.IdentifierEmail, Value: newID("v"), Subject: newID("usr_")}
		for _, id := range []store.Identifier{name, email, other} {
			must(t, s.IdentifierInsert(t.Context(), id))
		}
		must(t, s.IdentifierDelete(t.Context(), store.IdentifierEmail, subject))
		_, err := s.IdentifierGet(t.Context(), email.Kind, email.Value)
		wantError(t, err, store.ErrNotFound)
		want(t, got(s.IdentifierGet(t.Context(), name.Kind, name.Value))(t), name)
		want(t, got(s.IdentifierGet(t.Context(), other.Kind, other.Value))(t), other)
		email.Subject = newID("usr_")
		must(t, s.IdentifierInsert(t.Context(), email))
	})
	t.Run("IdentifierDelete/NilWhenThereIsNone", func(t *testing.T) {
		t.Parallel()
		must(t, s.IdentifierDelete(t.Context(), store.IdentifierEmail, newID("usr_")))
	})
}

func testPasswordHashes(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, h store.PasswordHash)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := store.PasswordHash{Subject: newID("usr_"), Hash: "$2a$first", Scheme: "bcrypt:4", UpdatedAt: moment(0)}
			must(t, s.PasswordHashPut(t.Context(), h))
			h.UpdatedAt = kept(h.UpdatedAt)
			fn(t, h)
		})
	}

	run("PasswordHashGet/ReturnsWhatWasStored", func(t *testing.T, h store.PasswordHash) {
		want(t, got(s.PasswordHashGet(t.Context(), h.Subject))(t), h)
	})
	run("PasswordHashGet/Missing", func(t *testing.T, _ store.PasswordHash) {
		_, err := s.PasswordHashGet(t.Context(), newID("usr_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("PasswordHashPut/Replaces", func(t *testing.T, h store.PasswordHash) {
		h.Hash, h.Scheme, h.UpdatedAt = "$argon2id$", "argon2id:m=64", kept(moment(9))
		must(t, s.PasswordHashPut(t.Context(), h))
		want(t, got(s.PasswordHashGet(t.Context(), h.Subject))(t), h)
	})
	run("PasswordHashReplace/OnlyTheOldOne", func(t *testing.T, h store.PasswordHash) {
		next := store.PasswordHash{Subject: h.Subject, Hash: "$2a$next", Scheme: "bcrypt:5", UpdatedAt: kept(moment(1))}
		want(t, got(s.PasswordHashReplace(t.Context(), "$2a$other", next))(t), false)
		want(t, got(s.PasswordHashGet(t.Context(), h.Subject))(t), h)
		want(t, got(s.PasswordHashReplace(t.Context(), h.Hash, next))(t), true)
		want(t, got(s.PasswordHashGet(t.Context(), h.Subject))(t), next)
	})
	run("PasswordHashReplace/FalseWhenThereIsNone", func(t *testing.T, h store.PasswordHash) {
		h.Subject = newID("usr_")
		want(t, got(s.PasswordHashReplace(t.Context(), h.Hash, h))(t), false)
	})
	run("PasswordHashReplace/OfManyExactlyOne", func(t *testing.T, h store.PasswordHash) {
		var won atomic.Int64
		together(20, func(int) {
			done, err := s.PasswordHashReplace(t.Context(), h.Hash,
				store.PasswordHash{Subject: h.Subject, Hash: newID("$2a$"), UpdatedAt: moment(1)})
			if err != nil {
				t.Error(err)
			}
			if done {
				won.Add(1)
			}
		})
		want(t, won.Load(), 1)
	})
	run("PasswordHashDelete/TwiceIsOnce", func(t *testing.T, h store.PasswordHash) {
		must(t, s.PasswordHashDelete(t.Context(), h.Subject))
		must(t, s.PasswordHashDelete(t.Context(), h.Subject))
		_, err := s.PasswordHashGet(t.Context(), h.Subject)
		wantError(t, err, store.ErrNotFound)
	})
}

func testPasswordSchemes(t *testing.T, open Opener) {
	t.Run("PasswordSchemes/EachOnceInOrder", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		wantSchemes := func(schemes ...string) {
			t.Helper()
			want(t, got(s.PasswordSchemes(t.Context()))(t), schemes)
		}
		wantSchemes()
		for i, scheme := range []string{"bcrypt:9", "argon2id:m=64", "bcrypt:9", "bcrypt:10"} {
			must(t, s.PasswordHashPut(t.Context(), store.PasswordHash{Subject: "usr_" + string(rune('a'+i)), Hash: "h", Scheme: scheme}))
		}
		wantSchemes("argon2id:m=64", "bcrypt:10", "bcrypt:9")
		done, err := s.PasswordHashReplace(t.Context(), "h", store.PasswordHash{Subject: "usr_d", Hash: "i", Scheme: "bcrypt:9"})
		must(t, err)
		want(t, done, true)
		must(t, s.PasswordHashDelete(t.Context(), "usr_b"))
		wantSchemes("bcrypt:9")
	})
}

// newDeleted makes a deleted user with every field set.
func newDeleted(username string, deletedAt, purgeAt int) store.DeletedUser {
	return store.DeletedUser{
		ID: newID("usr_"), Username: username, Sealed: "gAAAA", DeletedAt: kept(moment(deletedAt)),
		DeletedBy: store.Actor{Kind: store.ActorStaff, ID: "stf_1", Name: "helper", OnBehalfOf: "usr_2",
			KeyID: "key_1", SessionID: "ses_1", IP: "192.0.2.1", RequestID: "r1"},
		Reason: "asked", PurgeAt: kept(moment(purgeAt)), Purging: purgeAt < deletedAt,
	}
}

func testDeletedUsers(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, d store.DeletedUser)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeleted("gone", 0, 3600)
			must(t, s.DeletedUserInsert(t.Context(), d))
			fn(t, d)
		})
	}

	run("DeletedUserGet/ReturnsWhatWasStored", func(t *testing.T, d store.DeletedUser) {
		want(t, got(s.DeletedUserGet(t.Context(), d.ID))(t), d)
		purging := newDeleted("gone", 9, 8)
		must(t, s.DeletedUserInsert(t.Context(), purging))
		want(t, got(s.DeletedUserGet(t.Context(), purging.ID))(t), purging)
	})
	run("DeletedUserGet/Missing", func(t *testing.T, _ store.DeletedUser) {
		_, err := s.DeletedUserGet(t.Context(), newID("usr_"))
		wantError(t, err, store.ErrNotFound)
	})
	run("DeletedUserInsert/Duplicate", func(t *testing.T, d store.DeletedUser) {
		wantError(t, s.DeletedUserInsert(t.Context(), d), store.ErrConflict)
	})
	run("DeletedUserPurging/BringsThePurgeForward", func(t *testing.T, d store.DeletedUser) {
		must(t, s.DeletedUserPurging(t.Context(), d.ID, moment(60)))
		d.Purging, d.PurgeAt = true, kept(moment(60))
		want(t, got(s.DeletedUserGet(t.Context(), d.ID))(t), d)
		must(t, s.DeletedUserPurging(t.Context(), d.ID, moment(99)))
		want(t, got(s.DeletedUserGet(t.Context(), d.ID))(t), d)
	})
	run("DeletedUserPurging/Missing", func(t *testing.T, _ store.DeletedUser) {
		wantError(t, s.DeletedUserPurging(t.Context(), newID("usr_"), moment(0)), store.ErrNotFound)
	})
	run("DeletedUserDelete/Gone", func(t *testing.T, d store.DeletedUser) {
		must(t, s.DeletedUserDelete(t.Context(), d.ID))
		_, err := s.DeletedUserGet(t.Context(), d.ID)
		wantError(t, err, store.ErrNotFound)
		wantError(t, s.DeletedUserDelete(t.Context(), d.ID), store.ErrNotFound)
	})
	t.Run("DeletedUsersDue/InOrder", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		later, first, second := newDeleted("c", 0, 90), newDeleted("a", 0, 10), newDeleted("b", 0, 20)
		for _, d := range []store.DeletedUser{later, second, first} {
			must(t, s.DeletedUserInsert(t.Context(), d))
		}
		due := func(now int, after store.Position, limit int) []store.DeletedUser {
			t.Helper()
			return got(s.DeletedUsersDue(t.Context(), moment(now), after, limit))(t)
		}
		want(t, due(9, store.Position{}, 9), nil)
		want(t, due(10, store.Position{}, 9), []store.DeletedUser{first})
		want(t, due(50, store.Position{}, 9), []store.DeletedUser{first, second})
		want(t, due(50, store.Position{}, 1), []store.DeletedUser{first})
		want(t, due(99, store.Position{At: first.PurgeAt, ID: first.ID}, 9), []store.DeletedUser{second, later})
		must(t, s.DeletedUserPurging(t.Context(), later.ID, moment(15)))
		later.Purging, later.PurgeAt = true, kept(moment(15))
		want(t, due(50, store.Position{}, 9), []store.DeletedUser{first, later, second})
	})
	testDeletedUserList(t, open(t))
}

func testDeletedUserList(t *testing.T, s store.Store) {
	var all []store.DeletedUser
	for i, name := range []string{"anna", "ann", "an", "ben", "a%b", "annabel", "zoe"} {
		d := newDeleted(name, i/2, 99)
		must(t, s.DeletedUserInsert(t.Context(), d))
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b store.DeletedUser) int { return byPosition(a.DeletedAt, a.ID, b.DeletedAt, b.ID) })
	list := func(query string) pager[store.DeletedUser] {
		return func(ctx context.Context, p store.Page) (store.List[store.DeletedUser], error) {
			return s.DeletedUserList(ctx, store.DeletedUserFilter{Query: query}, p)
		}
	}
	t.Run("DeletedUserList", func(t *testing.T) { testPaging(t, list(""), all) })
	for query, names := range map[string][]string{
		"an": {"an", "ann", "anna", "annabel"}, "ANN": {"ann", "anna", "annabel"}, "a%": {"a%b"}, "_": nil, "zoe1": nil, "z\xff": nil,
	} {
		t.Run("DeletedUserList/Query="+query, func(t *testing.T) {
			for size := 1; size <= len(names)+1; size++ {
				var found []string
				for _, d := range walk(t, list(query), store.Page{Limit: size}, len(all)) {
					found = append(found, d.Username)
				}
				want(t, found, names)
			}
			want(t, got(list(query)(t.Context(), store.Page{Limit: 1, Total: true}))(t).Total, int64(len(names)))
		})
	}
	t.Run("DeletedUserList/SortThatIsNotOffered", func(t *testing.T) {
		_, err := list("")(t.Context(), store.Page{Sort: store.ByUsername})
		wantError(t, err, store.ErrValidation)
		_, err = list("a")(t.Context(), store.Page{Sort: store.NewestFirst})
		wantError(t, err, store.ErrValidation)
	})
}
