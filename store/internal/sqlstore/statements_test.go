package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

// TestStatementsNumberTheirPlaceholders reads the text of every statement in
// the source. SQLite drivers bind by number and PostgreSQL counts the numbers,
// so a number left out would shift arguments or be refused.
func TestStatementsNumberTheirPlaceholders(t *testing.T) {
	t.Parallel()
	statements := constants(t)
	seen := 0
	for name, text := range statements {
		if !statement.MatchString(text) {
			continue
		}
		seen++
		checkPlaceholders(t, name, text)
	}
	if seen < 50 {
		t.Fatalf("found %d statements: they are no longer constants", seen)
	}
}

// TestListsNumberTheirPlaceholders does the same for lists, whose text depends
// on the filters.
func TestListsNumberTheirPlaceholders(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	q := sqlstore.New(r, sqlstore.Locks{})
	for i := range 8 {
		pick := func(bit int, s string) string {
			if i>>bit&1 == 0 {
				return ""
			}
			return s
		}
		for _, p := range []store.Page{{}, {Sort: store.OldestFirst}, {After: store.Position{ID: "x"}}, {Total: true}} {
			q.MessageList(t.Context(), store.MessageFilter{UserID: pick(0, "u"), ConversationID: pick(1, "c"), Model: pick(2, "m")}, p)
			q.MessageList(t.Context(), store.MessageFilter{UserID: pick(0, "u"), From: time.Now(), Until: time.Now()}, p)
			q.AuditList(t.Context(), store.AuditFilter{ActorID: pick(0, "a"), TargetID: pick(1, "t"), Action: pick(2, "x")}, p)
			q.AuditList(t.Context(), store.AuditFilter{About: pick(0, "u"), Result: store.Result(pick(1, "denied")), From: time.Now(), Until: time.Now()}, p)
			q.SessionList(t.Context(), "u", time.Now(), p)
			q.APIKeyList(t.Context(), "u", p)
			q.PlanList(t.Context(), p)
			q.PlanUsers(t.Context(), "p", p)
			q.LedgerList(t.Context(), "u", p)
			for _, status := range []store.Status{"", store.Active, store.Suspended} {
				f := store.UserFilter{Query: pick(0, strings.Repeat("q", 40)), Plan: pick(1, "p"), Status: status, Now: time.Now()}
				for _, p.Sort = range f.Sorts() {
					for _, f.NamesOnly = range []bool{false, true} {
						q.UserList(t.Context(), f, p)
					}
				}
			}
			q.DeletedUserList(t.Context(), store.DeletedUserFilter{Query: pick(0, "q")}, store.Page{After: p.After, Total: p.Total})
		}
	}
	for _, n := range []int{1, 8, 40} {
		q.MeterUsage(t.Context(), counters(n), time.Now())
	}
	for text, args := range r.seen {
		if n := checkPlaceholders(t, "list", text); n != args {
			t.Errorf("%d arguments for %d placeholders: %s", args, n, text)
		}
	}
}

// counters are n of them.
func counters(n int) []store.CounterLimit {
	out := make([]store.CounterLimit, n)
	for i := range out {
		out[i].Subject = strconv.Itoa(i)
	}
	return out
}

func TestDollars(t *testing.T) {
	t.Parallel()
	got := sqlstore.Dollars("SELECT ?1, ?12 WHERE a = ?2")
	if want := "SELECT $1, $12 WHERE a = $2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var (
	statement   = regexp.MustCompile(`^(SELECT|INSERT|UPDATE|DELETE)\s`)
	placeholder = regexp.MustCompile(`\?(\d*)`)
)

// checkPlaceholders wants ?1 to ?n, each at least once, and none inside of
// quotes, where Dollars would rewrite text. It returns n.
func checkPlaceholders(t *testing.T, name, text string) int {
	t.Helper()
	used, highest := map[int]bool{}, 0
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n == 0 {
			t.Errorf("%s: a placeholder without a number: %s", name, text)
		}
		used[n], highest = true, max(highest, n)
	}
	if len(used) != highest {
		t.Errorf("%s: %d placeholders, but the highest is ?%d: %s", name, len(used), highest, text)
	}
	for i, part := range strings.Split(text, "'") {
		if i%2 == 1 && strings.Contains(part, "?") {
			t.Errorf("%s: a question mark in quotes: %s", name, text)
		}
	}
	return highest
}

// constants returns the string constants of the package, put together.
func constants(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]ast.Expr{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					for i, name := range v.Names {
						values[name.Name] = v.Values[i]
					}
				}
			}
		}
	}
	texts := map[string]string{}
	for name, v := range values {
		texts[name] = fold(values, v)
	}
	return texts
}

// fold joins literals and other constants.
func fold(values map[string]ast.Expr, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.Ident:
		return fold(values, values[e.Name])
	case *ast.BinaryExpr:
		return fold(values, e.X) + fold(values, e.Y)
	}
	return ""
}

// recorder is a Runner that notes statements and runs none.
type recorder struct{ seen map[string]int }

var errRecorded = errors.New("recorded")

func (r *recorder) Read(_ context.Context, fn func(sqlstore.Reader) error) error { return fn(r) }

func (r *recorder) Write(context.Context, func(sqlstore.Conn) error) error { return errRecorded }

func (r *recorder) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	r.seen[query] = len(args)
	return nil, errRecorded
}
