package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// pager lists something page by page.
type pager[T any] func(context.Context, store.Page) (store.List[T], error)

// testPaging walks a list whose items are all, oldest first, with pages of every
// size and in both orders: nothing may be left out or come twice, whatever
// boundary falls between items of the same time.
func testPaging[T any](t *testing.T, list pager[T], all []T) {
	t.Helper()
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for sort, wanted := range map[store.Sort][]T{
		"":                newest,
		store.NewestFirst: newest,
		store.OldestFirst: all,
	} {
		for size := 1; size <= len(all)+1; size++ {
			t.Run(fmt.Sprintf("Paging/Sort=%s/Limit=%d", sort, size), func(t *testing.T) {
				want(t, walk(t, list, store.Page{Limit: size, Sort: sort}, len(all)), wanted)
			})
		}
	}
	t.Run("Paging/Total", func(t *testing.T) {
		page := got(list(t.Context(), store.Page{Limit: 1, Total: true}))(t)
		want(t, page.Total, int64(len(all)))
		want(t, page.Capped, false)
	})
	t.Run("Paging/NoTotalUnlessAskedFor", func(t *testing.T) {
		want(t, got(list(t.Context(), store.Page{Limit: 1}))(t).Total, 0)
	})
}

// walk follows Next to the end and returns all items.
func walk[T any](t *testing.T, list pager[T], p store.Page, most int) (items []T) {
	t.Helper()
	for range most + 1 {
		page := got(list(t.Context(), p))(t)
		if len(page.Items) > p.Size() {
			t.Fatalf("a page of %d items, want at most %d", len(page.Items), p.Size())
		}
		items = append(items, page.Items...)
		if page.Next.IsZero() {
			return items
		}
		if len(page.Items) < p.Size() {
			t.Fatal("a page that is not full has a next one")
		}
		p.After = page.Next
	}
	t.Fatal("the list does not end")
	return nil
}

// byPosition orders by time as it is kept, and then by id.
func byPosition(at time.Time, id string, otherAt time.Time, otherID string) int {
	return cmp.Or(kept(at).Compare(kept(otherAt)), cmp.Compare(id, otherID))
}
