package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/usermgmt/usermgmt/store"
)

var _ store.Upkeeper = (*Store)(nil)

const (
	// careRules are those of the connection that takes care. It waits for others
	// shortly and gives way then: what it does can be done the next time.
	careRules = "mode=rw&_foreign_keys=on&_busy_timeout=100"

	// largeLog is when the log's file is cut, in bytes. Below, its room is used
	// again and again.
	largeLog = 64 << 20

	sizes = `SELECT page_count, freelist_count, page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`
)

// Upkeep lets SQLite renew what it knows of the distribution of values, moves
// what is in the log to its place in the file, and cuts a log that has grown
// large. It reads little for that, and gives way to whoever has the file.
func (s *Store) Upkeep(ctx context.Context) (store.Footprint, error) {
	main, err := s.database.upkeepWhileOpen(ctx)
	if err != nil {
		return main, err
	}
	messages, err := s.messages.upkeepWhileOpen(ctx)
	return store.Footprint{
		Size: main.Size + messages.Size, Free: main.Free + messages.Free, Log: main.Log + messages.Log,
	}, err
}

func (d *database) upkeepWhileOpen(ctx context.Context) (store.Footprint, error) {
	if err := d.calls.enter(); err != nil {
		return store.Footprint{}, err
	}
	defer d.calls.leave()
	f, err := d.upkeep(ctx)
	return f, interpret(ctx, err)
}

func (d *database) upkeep(ctx context.Context) (f store.Footprint, err error) {
	pool, err := openPool(dsn(d.file, careRules), 1)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return f, err
	}
	defer conn.Close()
	for _, care := range []string{"PRAGMA analysis_limit = 400", "PRAGMA optimize"} {
		if _, err := conn.ExecContext(ctx, care); err != nil && !busy(err) {
			return f, err
		}
	}
	var pages, free, size int64
	if err := conn.QueryRowContext(ctx, sizes).Scan(&pages, &free, &size); err != nil {
		return f, err
	}
	if err := checkpoint(ctx, conn, "PASSIVE"); err != nil {
		return f, err
	}
	if d.logSize() > largeLog {
		if err := checkpoint(ctx, conn, "TRUNCATE"); err != nil {
			return f, err
		}
	}
	log := d.logSize()
	return store.Footprint{Size: pages*size + log, Free: free * size, Log: log}, nil
}

// checkpoint moves pages from the log to their place, as far as others let it.
func checkpoint(ctx context.Context, conn *sql.Conn, how string) error {
	var held, logged, moved int64
	return conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+how+")").Scan(&held, &logged, &moved)
}

// logSize is the size of the log's file, which is only looked at: see
// prepareFile.
func (d *database) logSize() int64 {
	info, err := os.Stat(d.file + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}
