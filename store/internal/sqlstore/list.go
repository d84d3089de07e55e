package sqlstore

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

// listing is one kind of list: where its rows are and how they are read.
type listing[T any] struct {
	fields string // what to select
	from   string // from where
	at, id string // the columns of an item's position
	scan   func(scanner) (T, error)
	pos    func(T) store.Position
}

// filter is the conditions of a list, joined by AND.
type filter struct {
	conditions []string
	args       []any
}

// where adds a condition; each %d stands for the number of the next argument.
func (f *filter) where(condition string, args ...any) {
	numbers := make([]any, len(args))
	for i := range args {
		numbers[i] = len(f.args) + i + 1
	}
	f.conditions = append(f.conditions, fmt.Sprintf(condition, numbers...))
	f.args = append(f.args, args...)
}

// equal adds a condition unless the value is empty.
func (f *filter) equal(column, value string) {
	if value != "" {
		f.where(column+" = ?%d", value)
	}
}

func (f *filter) clause() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conditions, " AND ")
}

// page reads one page: the rows after a position, in the order of the keyset
// (at, id), and one more to know whether there is a next page.
func page[T any](ctx context.Context, q *Queries, l listing[T], f filter, p store.Page) (store.List[T], error) {
	return read(ctx, q, func(c Reader) (store.List[T], error) {
		out := store.List[T]{}
		if p.Total {
			n, err := one(ctx, c, scanInt, l.countText(f), append(f.args, store.TotalCap+1)...)
			if err != nil {
				return out, err
			}
			out.Total, out.Capped = min(n, store.TotalCap), n > store.TotalCap
		}
		query, args := l.pageText(f, p)
		items, err := all(ctx, c, l.scan, query, args...)
		if err != nil {
			return out, err
		}
		if size := p.Size(); len(items) > size {
			items = items[:size]
			out.Next = l.pos(items[size-1])
		}
		out.Items = items
		return out, nil
	})
}

func (l listing[T]) pageText(f filter, p store.Page) (string, []any) {
	after, direction, at := "<", "DESC", int64(math.MaxInt64)
	if p.Sort == store.OldestFirst {
		after, direction, at = ">", "ASC", math.MinInt64
	}
	if !p.After.IsZero() {
		at = micros(p.After.At)
	}
	f.where("("+l.at+", "+l.id+") "+after+" (?%d, ?%d)", at, p.After.ID)
	query := fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s %s, %s %s LIMIT ?%d",
		l.fields, l.from, f.clause(), l.at, direction, l.id, direction, len(f.args)+1)
	return query, append(f.args, p.Size()+1)
}

func (l listing[T]) countText(f filter) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s%s LIMIT ?%d) AS capped", l.from, f.clause(), len(f.args)+1)
}

func scanInt(r scanner) (n int64, err error) {
	err = r.Scan(&n)
	return n, err
}
