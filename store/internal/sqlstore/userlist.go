package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// maxShared is the most that email_shared says: as long as a user name of an
	// account can be.
	maxShared = 32
	// maxQuery is longer than any name.
	maxQuery = 254
)

// emailKey is an address as it is searched for.
func emailKey(email string) string { return strings.ToLower(email) }

// emailShared is how many bytes a user name and an address begin with in common.
// A query of n bytes that the address begins with finds the user by the user
// name too, exactly when this is n or more. So a search that reads the addresses
// of each smaller number finds nobody a second time, and steps over nobody.
func emailShared(username, email string) int64 {
	key := emailKey(email)
	n := 0
	for n < min(len(username), len(key), maxShared) && username[n] == key[n] {
		n++
	}
	return int64(n)
}

// userOrder is an order of users: by a column, and then by id.
type userOrder struct {
	column string
	desc   bool
	start  any // before the first
	at     func(store.Position) any
	pos    func(store.User) store.Position
	cmp    func(a, b store.User) int
}

// byTime orders by a column of times.
func byTime(column string, desc bool, of func(store.User) time.Time) userOrder {
	o := userOrder{
		column: column, desc: desc, start: int64(math.MinInt64),
		at:  func(p store.Position) any { return micros(p.At) },
		pos: func(u store.User) store.Position { return store.Position{At: of(u), ID: u.ID} },
		cmp: func(a, b store.User) int { return cmp.Or(of(a).Compare(of(b)), cmp.Compare(a.ID, b.ID)) },
	}
	if desc {
		ascending := o.cmp
		o.start, o.cmp = int64(math.MaxInt64), func(a, b store.User) int { return ascending(b, a) }
	}
	return o
}

// byName orders by the name that a query matches; an empty one, by user name.
func byName(query string) userOrder {
	of := func(u store.User) string {
		if strings.HasPrefix(u.Username, query) {
			return u.Username
		}
		return emailKey(u.Email)
	}
	return userOrder{
		column: "username", start: query,
		at:  func(p store.Position) any { return p.Key },
		pos: func(u store.User) store.Position { return store.Position{Key: of(u), ID: u.ID} },
		cmp: func(a, b store.User) int { return cmp.Or(cmp.Compare(of(a), of(b)), cmp.Compare(a.ID, b.ID)) },
	}
}

// userOrderOf is the order of a page, or ErrValidation when the filter does not
// offer it.
func userOrderOf(f store.UserFilter, sort store.Sort) (userOrder, error) {
	sort, err := offered(f.Sorts(), sort)
	switch {
	case err != nil:
		return userOrder{}, err
	case sort == store.ByUsername:
		return byName(f.Query), nil
	case sort == store.LastSignInFirst:
		return byTime("last_login_at", true, func(u store.User) time.Time { return u.LastLoginAt }), nil
	}
	return byTime("created_at", sort == store.NewestFirst, func(u store.User) time.Time { return u.CreatedAt }), nil
}

// offered is a sort, by default the first of those that are offered.
func offered(sorts []store.Sort, sort store.Sort) (store.Sort, error) {
	if sort == "" {
		return sorts[0], nil
	}
	if !slices.Contains(sorts, sort) {
		return "", store.Invalid("sort", "enum", "The list does not offer this order.")
	}
	return sort, nil
}

// UserList lists users.
func (q *Queries) UserList(ctx context.Context, f store.UserFilter, p store.Page) (store.List[store.User], error) {
	f.Query = strings.ToLower(f.Query)
	order, err := userOrderOf(f, p.Sort)
	if err != nil || len(f.Query) > maxQuery || !utf8.ValidString(f.Query) {
		return store.List[store.User]{}, err
	}
	return read(ctx, q, func(c Reader) (out store.List[store.User], err error) {
		if p.Total {
			if out.Total, out.Capped, err = userTotal(ctx, c, f, order); err != nil {
				return out, err
			}
		}
		l := newUserListing(f, order, p.After)
		items, err := all(ctx, c, scanUser, l.page(p.Size()), l.args...)
		if err != nil {
			return out, err
		}
		slices.SortFunc(items, order.cmp) // a join keeps no order
		if size := p.Size(); len(items) > size {
			items = items[:size]
			out.Next = order.pos(items[size-1])
		}
		out.Items = items
		return out, nil
	})
}

// userTotal counts what a filter selects, up to TotalCap; everybody is read from
// the counters.
func userTotal(ctx context.Context, c Reader, f store.UserFilter, order userOrder) (n int64, capped bool, err error) {
	if f.Query == "" && f.Status == "" && f.Plan == "" {
		n, err = one(ctx, c, scanInt, userTotalKept)
		return n, false, err
	}
	l := newUserListing(f, order, store.Position{})
	n, err = one(ctx, c, scanInt, l.count(store.TotalCap+1), l.args...)
	return min(n, store.TotalCap), n > store.TotalCap, err
}

// userListing is the text of a list and its arguments. Each branch of it is a
// range of an index in the order of the list, from which the database merges as
// many as the page needs: so none is sorted, and none is read to its end.
type userListing struct {
	filter store.UserFilter
	order  userOrder
	args   []any
	names  map[string]string // placeholders of args
}

func newUserListing(f store.UserFilter, order userOrder, after store.Position) *userListing {
	l := &userListing{filter: f, order: order, names: map[string]string{}}
	start := order.start
	if !after.IsZero() {
		start = order.at(after)
	}
	l.arg("key", start)
	l.arg("id", after.ID)
	return l
}

// arg returns the placeholder of an argument, the same for the same name.
func (l *userListing) arg(name string, v any) string {
	if _, known := l.names[name]; !known {
		l.args = append(l.args, v)
		l.names[name] = "?" + strconv.Itoa(len(l.args))
	}
	return l.names[name]
}

func (l *userListing) page(size int) string {
	direction := "ASC"
	if l.order.desc {
		direction = "DESC"
	}
	return `SELECT ` + userFields + ` FROM (` + strings.Join(l.branches(), " UNION ALL ") +
		` ORDER BY key ` + direction + `, id ` + direction + ` LIMIT ` + l.arg("limit", size+1) + `) AS listed JOIN users u ON u.id = listed.id`
}

func (l *userListing) count(most int) string {
	return `SELECT COUNT(*) FROM (` + strings.Join(l.branches(), " UNION ALL ") + ` LIMIT ` + l.arg("limit", most) + `) AS capped`
}

// branches are what a list is merged from: for each status that is asked for,
// those found by the column of the order, which in a search is the user name,
// and in a search those found by the address alone.
func (l *userListing) branches() (out []string) {
	for _, status := range l.statuses() {
		out = append(out, l.branch(l.order.column, status))
		for shared := range l.addresses() {
			condition := "email_shared = " + strconv.Itoa(shared)
			if shared == maxShared { // or more
				condition += " AND NOT " + l.begins("username")
			}
			out = append(out, l.branch("email_key", status, condition))
		}
	}
	if l.filter.Status == store.Active {
		out = append(out, l.ended())
	}
	return out
}

// statuses are the stored ones that are asked for; an empty one is any. Where no
// index is for any, it is both.
func (l *userListing) statuses() []store.Status {
	switch {
	case l.filter.Status != "":
		return []store.Status{l.filter.Status}
	case l.filter.Plan == "" && l.order.column == "username":
		return []store.Status{""}
	}
	return []store.Status{store.Active, store.Suspended}
}

// addresses is how many ranges of addresses a search reads.
func (l *userListing) addresses() int {
	if l.filter.NamesOnly {
		return 0
	}
	return min(len(l.filter.Query), maxShared+1)
}

// branch reads one range of an index.
func (l *userListing) branch(column string, status store.Status, conditions ...string) string {
	conditions = append(conditions, l.after(column))
	if l.filter.Query != "" {
		conditions = append(conditions, column+" < "+l.queryEnd())
	}
	if l.filter.Plan != "" {
		conditions = append(conditions, "plan_id = "+l.arg("plan", l.filter.Plan))
	}
	if status != "" {
		conditions = append(conditions, "status = "+l.arg("status "+string(status), string(status)))
	}
	if l.filter.Status == store.Suspended {
		conditions = append(conditions, "(suspended_until = 0 OR suspended_until > "+l.now()+")")
	}
	return `SELECT ` + column + ` AS key, id FROM users WHERE ` + strings.Join(conditions, " AND ")
}

// ended reads the users whose suspension has ended and is not written down:
// few, so that they can be sorted. The LIMIT, which is never reached, keeps a
// planner from looking for them by anything else.
func (l *userListing) ended() string {
	found := `(SELECT id, username, email_key, plan_id, created_at, last_login_at FROM users
		WHERE suspension_end > 0 AND suspension_end <= ` + l.now() + ` LIMIT 1000000000) AS ended`
	column, conditions := l.order.column, ""
	if l.filter.Query != "" {
		conditions = " AND " + l.begins("username")
	}
	if l.filter.Query != "" && !l.filter.NamesOnly {
		column = "CASE WHEN " + l.begins("username") + " THEN username ELSE email_key END"
		conditions = " AND (" + l.begins("username") + " OR " + l.begins("email_key") + ")"
	}
	if l.filter.Plan != "" {
		conditions += " AND plan_id = " + l.arg("plan", l.filter.Plan)
	}
	return `SELECT ` + column + ` AS key, id FROM ` + found + ` WHERE ` + l.after(column) + conditions
}

func (l *userListing) after(column string) string {
	than := ">"
	if l.order.desc {
		than = "<"
	}
	return "(" + column + ", id) " + than + " (" + l.names["key"] + ", " + l.names["id"] + ")"
}

// begins is whether a column begins with the query.
func (l *userListing) begins(column string) string {
	return "(" + column + " >= " + l.arg("query", l.filter.Query) + " AND " + column + " < " + l.queryEnd() + ")"
}

// queryEnd is after every name that begins with the query.
func (l *userListing) queryEnd() string { return l.arg("end", prefixEnd(l.filter.Query)) }

func (l *userListing) now() string { return l.arg("now", micros(l.filter.Now)) }
