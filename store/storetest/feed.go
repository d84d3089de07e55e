package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testFeed(t *testing.T, open Opener) {
	run := func(name string, fn func(t *testing.T, s store.Store)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, open(t))
		})
	}

	run("FeedAppend/OneRowAKeyInOrder", func(t *testing.T, s store.Store) {
		must(t, s.FeedAppend(t.Context(), "a", moment(0), nil))
		must(t, s.FeedAppend(t.Context(), "a", moment(0), []string{"user:1", "key:2"}))
		must(t, s.FeedAppend(t.Context(), "b", moment(1), []string{store.EveryVersion}))
		rows := feedRows(t, s, 3)
		want(t, rows[0].ID < rows[1].ID && rows[1].ID < rows[2].ID, true)
		want(t, rows, []store.FeedRow{
			{ID: rows[0].ID, Key: "user:1", Origin: "a", At: kept(moment(0))},
			{ID: rows[1].ID, Key: "key:2", Origin: "a", At: kept(moment(0))},
			{ID: rows[2].ID, Key: "*", Origin: "b", At: kept(moment(1))},
		})
		want(t, got(s.FeedAfter(t.Context(), rows[0].ID, 1))(t), rows[1:2])
		want(t, got(s.FeedAfter(t.Context(), rows[2].ID, 10))(t), nil)
	})
	run("FeedAppend/RolledBackRowsAreNotThere", func(t *testing.T, s store.Store) {
		err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
			must(t, q.FeedAppend(ctx, "a", moment(0), []string{"k"}))
			return errRefused
		})
		wantError(t, err, errRefused)
		want(t, got(s.FeedAfter(t.Context(), 0, 10))(t), nil)
	})
	run("FeedAfter/FollowerMissesNothing", testFollower)
	run("FeedBounds/EmptyFeed", func(t *testing.T, s store.Store) {
		wantBounds(t, s, 0, 0)
	})
	run("FeedPurge/OldestInChunks", func(t *testing.T, s store.Store) {
		for i := range 5 {
			must(t, s.FeedAppend(t.Context(), "a", moment(i), []string{"k"}))
		}
		rows := feedRows(t, s, 5)
		wantBounds(t, s, rows[0].ID, rows[4].ID)
		want(t, got(s.FeedPurge(t.Context(), moment(0), 10))(t), 0)
		want(t, got(s.FeedPurge(t.Context(), moment(3), 2))(t), 2)
		wantBounds(t, s, rows[2].ID, rows[4].ID)
		want(t, got(s.FeedPurge(t.Context(), moment(3), 2))(t), 1)
		want(t, got(s.FeedPurge(t.Context(), moment(3), 2))(t), 0)
		want(t, got(s.FeedAfter(t.Context(), 0, 10))(t), rows[3:])
	})
	run("FeedPurge/LeavesNoGap", func(t *testing.T, s store.Store) {
		// The clock of one instance runs behind: its row stands after a newer one.
		for _, at := range []int{0, 9, 1, 10} {
			must(t, s.FeedAppend(t.Context(), "a", moment(at), []string{"k"}))
		}
		rows := feedRows(t, s, 4)
		want(t, got(s.FeedPurge(t.Context(), moment(5), 10))(t), 1)
		want(t, got(s.FeedAfter(t.Context(), 0, 10))(t), rows[1:])
	})
	run("FeedPurge/IdsAreNeverGivenAgain", func(t *testing.T, s store.Store) {
		must(t, s.FeedAppend(t.Context(), "a", moment(0), []string{"k", "l"}))
		newest := feedRows(t, s, 2)[1].ID
		want(t, got(s.FeedPurge(t.Context(), moment(1), 10))(t), 2)
		wantBounds(t, s, newest+1, newest)
		must(t, s.FeedAppend(t.Context(), "a", moment(2), []string{"k"}))
		next := feedRows(t, s, 1)[0].ID
		want(t, next > newest, true)
		wantBounds(t, s, next, next)
	})
}

// feedRows returns the whole feed, which has n rows.
func feedRows(t *testing.T, s store.Store, n int) []store.FeedRow {
	t.Helper()
	rows := got(s.FeedAfter(t.Context(), 0, n+1))(t)
	want(t, len(rows), n)
	return rows
}

func wantBounds(t *testing.T, s store.Store, oldest, newest int64) {
	t.Helper()
	gotOldest, gotNewest, err := s.FeedBounds(t.Context())
	must(t, err)
	want(t, [2]int64{gotOldest, gotNewest}, [2]int64{oldest, newest})
}

// testFollower reads the feed while transactions commit: what has a smaller id
// than a row that was seen must have been seen.
func testFollower(t *testing.T, s store.Store) {
	const writers, each = 8, 10
	done := make(chan struct{})
	var follower sync.WaitGroup
	var seen []string
	follower.Go(func() {
		last := int64(0)
		for ended := false; ; {
			rows, err := s.FeedAfter(t.Context(), last, 5)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range rows {
				seen, last = append(seen, r.Key), r.ID
			}
			if ended && len(rows) == 0 {
				return
			}
			select {
			case <-done:
				ended = true
			default:
			}
		}
	})
	var wanted []string
	for w := range writers {
		for i := range each {
			wanted = append(wanted, fmt.Sprintf("%d/%d", w, i))
		}
	}
	together(writers, func(w int) {
		for i := range each {
			err := s.InTx(t.Context(), func(ctx context.Context, q store.Queries) error {
				if err := q.SignInClear(ctx, fmt.Sprint(w)); err != nil {
					return err
				}
				return q.FeedAppend(ctx, "a", moment(i), []string{fmt.Sprintf("%d/%d", w, i)})
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	close(done)
	follower.Wait()
	slices.Sort(seen)
	slices.Sort(wanted)
	want(t, seen, wanted)
}
