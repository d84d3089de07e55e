package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

//go:embed migrations/*.sql migrations/messages/*.sql
var migrations embed.FS

// schema is what a file holds.
type schema struct {
	folder string // its migrations
	page   int    // bytes; 0 is SQLite's own choice

	logPages int // after how many the log is written back; 0 is SQLite's own choice
}

// messagePage has room for some messages of the usual size. Of pages of four
// KiB one message takes several, and twice the time.
const messagePage = 16 << 10

// mainLogPages are 16 MiB, as many as those of messages get by SQLite's own choice
// of 1,000 pages: counters of many users are on many pages, most of which are
// written again before the log is written back. It is for disks that have room:
// on a small one that is full, the log would have taken what writing it back needs.
const (
	mainLogPages = 4000
	roomForLogs  = 1 << 30
)

func logPagesBeside(file string) int {
	if roomBeside(file) < roomForLogs {
		return 0
	}
	return mainLogPages
}

// Options are the settings of a Store. The zero value is right for most.
type Options struct {
	// ReadConns is the size of the pool that reads. Zero means twice the number
	// of processors, and at least 4.
	ReadConns int
	// BusyTimeout is how long a call waits for its turn, here and behind other
	// processes, before it answers ErrUnavailable. Zero means 5 s. Open waits for
	// 30 s at least: nobody would ask it again.
	BusyTimeout time.Duration
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	out.ReadConns = cmp.Or(out.ReadConns, max(4, 2*runtime.GOMAXPROCS(0)))
	out.BusyTimeout = cmp.Or(out.BusyTimeout, 5*time.Second)
	return out
}

// Open opens the database at path, and that of messages beside it, of which
// MessagesPath is the path. It makes what is not there (readable by its owner
// alone), and brings the schemas up to date; opts may be nil. The folder must exist and be writable. A file that is no database, is another
// program's, is damaged, or has a newer schema than this version works with is
// an error that says so, and is left as it is. Several processes may open one
// file at the same time.
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	s, err := open(ctx, path, opts.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %q: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opts Options) (*Store, error) {
	d, err := openDatabase(ctx, path, schema{folder: "migrations", logPages: logPagesBeside(path)}, opts)
	if err != nil {
		return nil, err
	}
	messages, err := openDatabase(ctx, MessagesPath(path), schema{folder: "migrations/messages", page: messagePage}, opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the file of messages beside it: %w", err), d.close())
	}
	return &Store{database: d, messages: messages}, nil
}

// openDatabase opens one file.
func openDatabase(ctx context.Context, path string, holds schema, opts Options) (*database, error) {
	file, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	steps, err := loadMigrations(holds)
	if err != nil {
		return nil, err
	}
	if err := setPageSize(ctx, file, holds); err != nil {
		return nil, refusal(err)
	}
	patience := max(opts.BusyTimeout, openPatience)
	writes, err := openWriter(dsn(file, writeRules), patience, holds.logPages)
	if err != nil {
		return nil, err
	}
	reads, err := openReadPool(dsn(file, readRules(opts.BusyTimeout)), opts.ReadConns)
	if err != nil {
		return nil, errors.Join(err, writes.close())
	}
	d := &database{file: file, reads: reads, writes: writes}
	d.close = sync.OnceValue(d.shut)
	d.Queries = sqlstore.New(runner{d}, sqlstore.Locks{})
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = patiently(wait, func(ctx context.Context) error {
		if err := d.checkOwner(ctx); err != nil {
			return err
		}
		return d.migrate(ctx, steps)
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = store.Unavailable(err)
	}
	if err != nil {
		return nil, errors.Join(refusal(err), d.close())
	}
	writes.patience = opts.BusyTimeout
	return d, nil
}

// openPatience is how long Open waits for other processes at least.
const openPatience = 30 * time.Second

// setPageSize gives an empty file pages of a size. One that has a content keeps
// those it has.
func setPageSize(ctx context.Context, file string, holds schema) error {
	info, err := os.Stat(file)
	if err != nil || info.Size() > 0 || holds.page == 0 {
		return err
	}
	err = on(ctx, dsn(file, "mode=rw&_busy_timeout=0"), fmt.Sprintf("PRAGMA page_size = %d; VACUUM", holds.page))
	if busy(err) {
		return nil // another process does the same
	}
	return interpret(ctx, err)
}

// othersTables counts the tables of a database that has none of ours: that in
// which the steps of the schema are noted, known by a column that no other
// program's has.
const othersTables = `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND NOT EXISTS (
	SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = 'compatible_from')`

// checkOwner refuses the database of another program, on a connection that
// reads: one that writes turns a database to WAL when it connects.
func (d *database) checkOwner(ctx context.Context) error {
	var others int
	if err := d.reads.pool.QueryRowContext(ctx, othersTables).Scan(&others); err != nil {
		return interpret(ctx, err)
	}
	if others > 0 {
		return errOthers
	}
	return nil
}

// migrate reads what was applied and takes the write lock only when something
// is to do.
func (d *database) migrate(ctx context.Context, steps []sqlstore.Migration) error {
	if err := d.writes.warm(ctx); err != nil {
		return interpret(ctx, err)
	}
	pending, err := sqlstore.Pending(ctx, d.reads, steps)
	if err == nil && len(pending) == 0 {
		return nil
	}
	if store.CodeOf(err) == store.ErrConflict {
		return err
	}
	return interpret(ctx, d.writes.transact(ctx, func(t *tx) error {
		return sqlstore.Migrate(ctx, script{t}, steps)
	}))
}

func loadMigrations(of schema) ([]sqlstore.Migration, error) {
	folder, err := fs.Sub(migrations, of.folder)
	if err != nil {
		return nil, err
	}
	return sqlstore.Migrations(folder)
}

// shortestFile is the least size of a SQLite file that is not empty: one page.
const shortestFile = 512

// creating orders the opens of this process: while a file is being made, nobody
// else may open it. See prepareFile.
var creating sync.Mutex

// prepareFile makes sure that the file is there and is not somebody else's, and
// returns its absolute path. SQLite would make it readable by everybody, and
// takes a file that is shorter than a page for an empty one.
//
// A file that exists is never opened here: closing any descriptor of a file
// drops every lock the process has on it (POSIX), those of another Store too
// (sqlite.org/howtocorrupt.html, section 2.2).
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" || strings.ContainsRune(path, 0) {
		return "", store.Invalid("path", "file", "The path must name a file: a database in memory cannot be shared by connections.")
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	switch info, err := os.Stat(filepath.Dir(file)); {
	case err != nil:
		return "", fmt.Errorf("the folder cannot be used, make it first: %w", err)
	case !info.IsDir():
		return "", errors.New("the folder of the database is a file")
	}
	creating.Lock()
	defer creating.Unlock()
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		return file, f.Close()
	case !errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("the file cannot be made, make its folder writable: %w", err)
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("the file cannot be used: %w", err)
	case !info.Mode().IsRegular():
		return "", errors.New("the path is not that of a file, and cannot be written")
	case info.Size() > 0 && info.Size() < shortestFile:
		return "", errNotDatabase
	}
	return file, nil
}

var (
	errNotDatabase = errors.New("the file is not a SQLite database; it was left as it is")
	errOthers      = errors.New("the database is another program's, which has tables in it; it was left as it is: name a file of its own, in which tables of yours can be made afterwards")
)

// The rules of a connection. They stand in the data source name, because a
// PRAGMA by Exec would set one connection of a pool only. The writer does not
// wait inside SQLite, whose pauses grow so long that another process that
// commits in groups starves it: it tries again by itself.
const writeRules = "mode=rw&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=0"

func readRules(busy time.Duration) string {
	return fmt.Sprintf("mode=rw&_query_only=1&_foreign_keys=on&_busy_timeout=%d", max(busy.Milliseconds(), 1))
}

func dsn(file, rules string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + "?" + rules
}

// openPool makes a pool of at most size connections, which it keeps.
func openPool(dsn string, size int) (*sql.DB, error) {
	pool, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}
