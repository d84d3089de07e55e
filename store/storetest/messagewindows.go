package storetest

import (
	"sync/atomic"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

func testMessageWindows(t *testing.T, open Opener) {
	t.Run("MessageWindowTake/ThoseThatEnded", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		put := func(id string, rows, until int) {
			t.Helper()
			must(t, s.MessageWindowPut(t.Context(), store.MessageWindow{ID: id, Rows: rows, Until: moment(until)}))
		}
		put("renewed", 5, 1)
		put("renewed", 6, 20)
		put("shut", 7, 1)
		put("shut", 0, 1)
		put("left", 8, 2)
		left := store.MessageWindow{ID: "left", Rows: 8, Until: kept(moment(2))}
		want(t, got(s.MessageWindowTake(t.Context(), moment(2)))(t), nil)
		want(t, got(s.MessageWindowTake(t.Context(), moment(10)))(t), []store.MessageWindow{left})
		want(t, got(s.MessageWindowTake(t.Context(), moment(10)))(t), nil)
	})
	t.Run("MessageWindowTake/OneGetsIt", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		must(t, s.MessageWindowPut(t.Context(), store.MessageWindow{ID: "left", Rows: 8, Until: moment(2)}))
		var taken atomic.Int64
		together(8, func(int) {
			left, err := s.MessageWindowTake(t.Context(), moment(10))
			if err != nil {
				t.Error(err)
			}
			taken.Add(int64(len(left)))
		})
		want(t, taken.Load(), 1)
	})
}
