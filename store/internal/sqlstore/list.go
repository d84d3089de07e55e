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
	table  string // the one that from begins with, when rows are found by oneOf
	at, id string // the columns of an item's position
	prefix string // of a search, which is by name: what the names begin with
	total  string // reads the kept total of the whole list; empty when none is kept
	scan   func(scanner) (T, error)
	pos    func(T) store.Position
}

// filter is the conditions of a list, joined by AND.
type filter struct {
	conditions []string
	args       []any
	either     []string // of which one must hold too
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

// oneOf restricts a list to rows for which one of some conditions holds, and no
// row may satisfy two; %[1]d stands for the number of the value. It comes before
// any other condition.
func (f *filter) oneOf(value string, conditions ...string) {
	f.args = append(f.args, value)
	for _, c := range conditions {
		f.either = append(f.either, fmt.Sprintf(c, len(f.args)))
	}
}

func (f *filter) clause() string {
	if len(f.either) > 0 {
		return clauseOf("("+strings.Join(f.either, " OR ")+")", f.conditions)
	}
	return clauseOf("", f.conditions)
}

func clauseOf(first string, others []string) string {
	if first != "" {
		others = append([]string{first}, others...)
	}
	if len(others) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(others, " AND ")
}

// page reads one page: the rows after a position, in the order of the keyset
// (at, id), and one more to know whether there is a next page.
func page[T any](ctx context.Context, q *Queries, l listing[T], f filter, p store.Page) (store.List[T], error) {
	return read(ctx, q, func(c Reader) (store.List[T], error) {
		out := store.List[T]{}
		if p.Total {
			var err error
			if out.Total, out.Capped, err = l.count(ctx, c, f); err != nil {
				return out, err
			}
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

// count reads the kept total of a list without filters, and counts others up to
// TotalCap.
func (l listing[T]) count(ctx context.Context, c Reader, f filter) (n int64, capped bool, err error) {
	if l.prefix != "" {
		f.where(l.at+" >= ?%d AND "+l.at+" < ?%d", l.prefix, prefixEnd(l.prefix))
	}
	if l.total != "" && f.clause() == "" {
		n, err = one(ctx, c, scanInt, l.total)
		return n, false, err
	}
	n, err = one(ctx, c, scanInt, l.countText(f), append(f.args, store.TotalCap+1)...)
	return min(n, store.TotalCap), n > store.TotalCap, err
}

func (l listing[T]) pageText(f filter, p store.Page) (string, []any) {
	after, direction, start := "<", "DESC", any(int64(math.MaxInt64))
	switch {
	case l.prefix != "":
		after, direction, start = ">", "ASC", l.prefix
	case p.Sort == store.OldestFirst:
		after, direction, start = ">", "ASC", int64(math.MinInt64)
	}
	switch {
	case p.After.IsZero():
	case l.prefix != "":
		start = p.After.Key
	default:
		start = micros(p.After.At)
	}
	f.where("("+l.at+", "+l.id+") "+after+" (?%d, ?%d)", start, p.After.ID)
	if l.prefix != "" {
		f.where(l.at+" < ?%d", prefixEnd(l.prefix))
	}
	end := fmt.Sprintf(" ORDER BY %s %s, %s %s LIMIT ?%d", l.at, direction, l.id, direction, len(f.args)+1)
	rows := l.from + f.clause()
	if len(f.either) > 0 {
		rows = l.merged(f, end)
	}
	return "SELECT " + l.fields + " FROM " + rows + end, append(f.args, p.Size()+1)
}

// merged reads a page by each condition of oneOf, along an index of its own, of
// which the page is the first rows: an OR would have all of them sorted.
func (l listing[T]) merged(f filter, end string) string {
	var pages []string
	for i, one := range f.either {
		pages = append(pages, fmt.Sprintf("SELECT * FROM (SELECT e.* FROM %s e%s%s) AS page%d", l.table, clauseOf(one, f.conditions), end, i))
	}
	return "(" + strings.Join(pages, " UNION ALL ") + ")" + strings.TrimPrefix(l.from, l.table)
}

func (l listing[T]) countText(f filter) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s%s LIMIT ?%d) AS capped", l.from, f.clause(), len(f.args)+1)
}

func scanText(r scanner) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

func scanInt(r scanner) (n int64, err error) {
	err = r.Scan(&n)
	return n, err
}
