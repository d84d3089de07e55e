package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/store"
)

// crowd is a store with users of every kind that lists tell apart.
type crowd struct {
	store.Store
	users []store.User
	now   time.Time
}

// newCrowd makes users whose names begin alike, some in the same way as their
// address; whose times are often equal; and of whom some are suspended, for good,
// until later or until before now.
func newCrowd(t *testing.T, s store.Store) *crowd {
	c := &crowd{Store: s, now: kept(moment(100))}
	for i := range 60 {
		u := store.User{
			ID: newID("usr_"), Username: fmt.Sprintf("a%d", i), Status: store.Active, Plan: []string{"free", "pro", "gone"}[i%3],
			CreatedAt: kept(moment(i / 7)), UpdatedAt: kept(moment(i)), Zone: store.Zone{Name: "UTC"},
		}
		switch i % 5 {
		case 0:
			u.Email = u.Username + "@Example.com" // matches wherever the user name does
		case 1:
			u.Email = fmt.Sprintf("AB%d@example.com", i) // begins as the user name does
		case 2:
			u.Email = fmt.Sprintf("zoe%d@Bücher.example", i)
		case 3:
			u.Username, u.Email = fmt.Sprintf("ab%d", i), "a@"+u.Username+".example" // after all user names
		}
		switch i % 4 {
		case 1:
			u.Status = store.Suspended
		case 2:
			u.Status, u.SuspendedUntil = store.Suspended, c.now.Add(time.Duration(i-30)*time.Second)
		}
		if i%3 > 0 {
			u.LastLoginAt = kept(moment(i / 10))
		}
		must(t, s.UserInsert(t.Context(), u))
		c.users = append(c.users, u)
	}
	return c
}

// selected are the users that a filter selects, in an order, without an index.
func (c *crowd) selected(f store.UserFilter, sort store.Sort) []store.User {
	query := strings.ToLower(f.Query)
	matched := func(u store.User) string {
		if strings.HasPrefix(u.Username, query) || f.NamesOnly {
			return u.Username
		}
		return strings.ToLower(u.Email)
	}
	out := slices.DeleteFunc(slices.Clone(c.users), func(u store.User) bool {
		status := store.Active
		if u.SuspendedAt(f.Now) {
			status = store.Suspended
		}
		return f.Status != "" && f.Status != status || f.Plan != "" && f.Plan != u.Plan || !strings.HasPrefix(matched(u), query)
	})
	slices.SortFunc(out, func(a, b store.User) int {
		switch sort {
		case store.OldestFirst:
			return byPosition(a.CreatedAt, a.ID, b.CreatedAt, b.ID)
		case store.NewestFirst:
			return byPosition(b.CreatedAt, b.ID, a.CreatedAt, a.ID)
		case store.LastSignInFirst:
			return cmp.Or(b.LastLoginAt.Compare(a.LastLoginAt), cmp.Compare(b.ID, a.ID))
		}
		return cmp.Or(cmp.Compare(matched(a), matched(b)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func idsOf(users []store.User) (ids []string) {
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}

func testUserList(t *testing.T, open Opener) {
	c := newCrowd(t, open(t))
	list := func(f store.UserFilter) pager[store.User] {
		return func(ctx context.Context, p store.Page) (store.List[store.User], error) { return c.UserList(ctx, f, p) }
	}
	check := func(t *testing.T, f store.UserFilter) {
		for _, sort := range f.Sorts() {
			all := c.selected(f, sort)
			for _, size := range []int{1, 7, len(all) + 1} {
				want(t, idsOf(walk(t, list(f), store.Page{Limit: size, Sort: sort}, len(c.users))), idsOf(all))
			}
		}
		page := got(c.UserList(t.Context(), f, store.Page{Limit: 1, Total: true}))(t)
		want(t, page.Total, int64(len(c.selected(f, ""))))
		want(t, page.Capped, false)
	}
	for _, query := range []string{"", "a", "A", "ab", "aB1", "a1", "a10", "a10@exam", "zoe", "zoe2@bü", "zoe2@BÜ", "a@", "b", "%", "a_", "a%"} {
		for _, status := range []store.Status{"", store.Active, store.Suspended} {
			for _, plan := range []string{"", "pro", "none"} {
				f := store.UserFilter{Query: query, Status: status, Plan: plan, Now: c.now}
				t.Run(fmt.Sprintf("UserList/Query=%s/Status=%s/Plan=%s", query, status, plan), func(t *testing.T) {
					t.Parallel()
					check(t, f)
					f.NamesOnly = true
					check(t, f)
				})
			}
		}
	}
	t.Run("UserList/ReturnsWhatWasStored", func(t *testing.T) {
		t.Parallel()
		all := walk(t, list(store.UserFilter{}), store.Page{Limit: 9, Sort: store.OldestFirst}, len(c.users))
		want(t, all, c.selected(store.UserFilter{}, store.OldestFirst))
	})
	t.Run("UserList/DefaultSortIsTheFirstOffered", func(t *testing.T) {
		t.Parallel()
		for _, f := range []store.UserFilter{{}, {Query: "a"}} {
			page := got(c.UserList(t.Context(), f, store.Page{}))(t)
			want(t, idsOf(page.Items), idsOf(c.selected(f, f.Sorts()[0])[:store.DefaultLimit]))
			want(t, page.Total, 0)
		}
	})
	t.Run("UserList/SortThatIsNotOffered", func(t *testing.T) {
		t.Parallel()
		for sort, f := range map[store.Sort]store.UserFilter{"email": {}, "-username": {}, store.NewestFirst: {Query: "a"}, store.LastSignInFirst: {Query: "a"}} {
			_, err := c.UserList(t.Context(), f, store.Page{Sort: sort})
			wantError(t, err, store.ErrValidation)
		}
	})
	t.Run("UserList/NoNameBeginsLikeThis", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{strings.Repeat("a", 33), strings.Repeat("a", 255), strings.Repeat("a", 1<<16), "a\xff", "a\x00", " a", "a'"} {
			want(t, got(c.UserList(t.Context(), store.UserFilter{Query: query}, store.Page{Total: true}))(t), store.List[store.User]{})
		}
	})
	t.Run("UserList/LongNamesAreFoundOnce", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		name := strings.Repeat("x", 40)
		both := store.User{ID: newID("usr_"), Username: name + "1", Email: name + "2@example.com", Status: store.Active}
		mail := store.User{ID: newID("usr_"), Username: name[:35], Email: name + "3@example.com", Status: store.Active}
		must(t, s.UserInsert(t.Context(), both))
		must(t, s.UserInsert(t.Context(), mail))
		for n := 1; n <= len(name); n++ {
			found := got(s.UserList(t.Context(), store.UserFilter{Query: name[:n]}, store.Page{}))(t).Items
			slices.SortFunc(found, func(a, b store.User) int { return cmp.Compare(b.Username, a.Username) })
			want(t, found, []store.User{both, mail})
		}
	})
	t.Run("UserList/FollowsAChangeOfNames", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		u := store.User{ID: newID("usr_"), Username: "before", Email: "old@example.com", Status: store.Active}
		must(t, s.UserInsert(t.Context(), u))
		u.Username, u.Email = "after", "New@example.com"
		must(t, s.UserUpdate(t.Context(), u))
		for query, n := range map[string]int{"before": 0, "old": 0, "after": 1, "new": 1} {
			want(t, len(got(s.UserList(t.Context(), store.UserFilter{Query: query}, store.Page{}))(t).Items), n)
		}
	})
}

func testSuspensionEnd(t *testing.T, open Opener) {
	t.Run("SuspensionEnd/WritesDownWhatIsSo", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, open(t))
		f := store.UserFilter{Status: store.Active, Now: c.now}
		active := idsOf(c.selected(f, store.NewestFirst))
		ended := 0
		for i, u := range c.users {
			if u.Status == store.Suspended && !u.SuspendedAt(c.now) && u.SuspendedUntil.Before(c.now) {
				c.users[i].Status, c.users[i].SuspendedReason, c.users[i].SuspendedUntil = store.Active, "", time.Time{}
				ended++
			}
		}
		want(t, got(c.SuspensionEnd(t.Context(), c.now, 2))(t), 2)
		want(t, got(c.SuspensionEnd(t.Context(), c.now, 99))(t), ended-2)
		want(t, got(c.SuspensionEnd(t.Context(), c.now, 99))(t), 0)
		for _, u := range c.users {
			want(t, got(c.UserGet(t.Context(), u.ID))(t), u)
		}
		want(t, idsOf(got(c.UserList(t.Context(), f, store.Page{Limit: 99}))(t).Items), active)
	})
}

// testUserCounts does arbitrary things to users, and wants the kept counters to
// say what counting would.
func testUserCounts(t *testing.T, open Opener) {
	t.Run("UserCounts/SayWhatCountingWould", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := &census{Store: s, ctx: t.Context(), users: map[string]store.User{}, deleted: map[string]bool{}}
		rapid.Check(t, func(r *rapid.T) {
			c.T = r
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				c.step()
			}
			c.check()
		})
	})
	t.Run("UserCounts/WhatIsRolledBackIsNotCounted", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		u := newUser()
		must(t, s.UserInsert(t.Context(), u))
		err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			must(t, q.UserDelete(ctx, u.ID))
			must(t, q.UserInsert(ctx, newUser()))
			must(t, q.UserInsert(ctx, newUser()))
			return store.ErrConflict
		})
		wantError(t, err, store.ErrConflict)
		wantError(t, s.UserInsert(t.Context(), u), store.ErrConflict)
		want(t, got(s.UserCounts(t.Context(), moment(0)))(t), store.UserCounts{Suspended: 1})
		want(t, got(s.UserList(t.Context(), store.UserFilter{}, store.Page{Total: true}))(t).Total, 1)
	})
	t.Run("UserSignIns/AtOrAfter", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, open(t))
		for n := range 8 {
			wanted := int64(0)
			for _, u := range c.users {
				if !u.LastLoginAt.Before(kept(moment(n))) {
					wanted++
				}
			}
			want(t, got(c.UserSignIns(t.Context(), moment(n)))(t), wanted)
		}
	})
}

// census is a store to whose users arbitrary things are done.
type census struct {
	*rapid.T
	store.Store
	ctx     context.Context
	users   map[string]store.User
	deleted map[string]bool
}

func (c *census) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("unexpected error: %v", err)
	}
}

func (c *census) some() store.User {
	ids := make([]string, 0, len(c.users))
	for id := range c.users {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return c.users[rapid.SampledFrom(ids).Draw(c.T, "user")]
}

// mood gives a user a status.
func (c *census) mood(u store.User) store.User {
	u.Status, u.SuspendedUntil = store.Active, time.Time{}
	if n := rapid.IntRange(0, 4).Draw(c.T, "status"); n > 1 {
		u.Status = store.Suspended
		if n > 2 {
			u.SuspendedUntil = kept(moment(n * 10))
		}
	}
	return u
}

func (c *census) step() {
	kind := rapid.IntRange(0, 5).Draw(c.T, "kind")
	if len(c.users) == 0 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		day := time.Duration(rapid.IntRange(0, 5).Draw(c.T, "day")) * 24 * time.Hour
		u := c.mood(store.User{ID: newID("usr_"), Username: newID("n"), CreatedAt: kept(moment(0).Add(day))})
		c.must(c.UserInsert(c.ctx, u))
		c.users[u.ID] = u
	case 2:
		u := c.mood(c.some())
		c.must(c.UserUpdate(c.ctx, u))
		c.users[u.ID] = u
	case 3:
		u := c.some()
		c.must(c.UserDelete(c.ctx, u.ID))
		c.must(c.DeletedUserInsert(c.ctx, store.DeletedUser{ID: u.ID, Username: u.Username}))
		delete(c.users, u.ID)
		c.deleted[u.ID] = true
	case 4:
		for id := range c.deleted {
			c.must(c.DeletedUserDelete(c.ctx, id))
			delete(c.deleted, id)
			break
		}
	case 5:
		before := kept(moment(rapid.SampledFrom([]int{29, 31, 41}).Draw(c.T, "before")))
		_, err := c.SuspensionEnd(c.ctx, before, 99)
		c.must(err)
		for id, u := range c.users {
			if u.Status == store.Suspended && !u.SuspendedUntil.IsZero() && u.SuspendedUntil.Before(before) {
				u.Status, u.SuspendedUntil = store.Active, time.Time{}
				c.users[id] = u
			}
		}
	}
}

func (c *census) check() {
	c.Helper()
	now := kept(moment(35))
	wanted := store.UserCounts{Deleted: int64(len(c.deleted))}
	days := map[time.Time]int64{}
	for _, u := range c.users {
		if u.SuspendedAt(now) {
			wanted.Suspended++
		} else {
			wanted.Active++
		}
		days[u.CreatedAt.Truncate(24*time.Hour)]++
	}
	counts, err := c.UserCounts(c.ctx, now)
	c.must(err)
	if counts != wanted {
		c.Fatalf("counters say %+v, want %+v", counts, wanted)
	}
	page, err := c.UserList(c.ctx, store.UserFilter{}, store.Page{Limit: 1, Total: true})
	c.must(err)
	if page.Total != int64(len(c.users)) {
		c.Fatalf("the total is %d of %d", page.Total, len(c.users))
	}
	signUps, err := c.UserSignUps(c.ctx, moment(0).Add(-24*time.Hour), moment(0).Add(9*24*time.Hour))
	c.must(err)
	for i, d := range signUps {
		if days[d.Date] != d.Count || i > 0 && !signUps[i-1].Date.Before(d.Date) {
			c.Fatalf("%+v, want %+v", signUps, days)
		}
	}
	if len(signUps) != len(days) {
		c.Fatalf("%+v, want %+v", signUps, days)
	}
}
