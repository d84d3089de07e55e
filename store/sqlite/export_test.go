package sqlite

import (
	"context"
	"testing/fstest"

	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

// WriterValue runs a statement on the connection that writes, outside of any
// transaction, and returns the one value it answers.
func (s *Store) WriterValue(ctx context.Context, query string) (v string, err error) {
	if err := s.writes.enter(ctx); err != nil {
		return "", err
	}
	defer s.writes.leave()
	if err := s.writes.connect(ctx); err != nil {
		return "", err
	}
	return v, s.writes.conn.QueryRowContext(ctx, query).Scan(&v)
}

// ReaderValue does the same on a connection that reads.
func (s *Store) ReaderValue(ctx context.Context, query string) (v string, err error) {
	return v, s.reads.pool.QueryRowContext(ctx, query).Scan(&v)
}

// MessagesValue does it on the file of messages.
func (s *Store) MessagesValue(ctx context.Context, query string) (v string, err error) {
	return v, s.messages.reads.pool.QueryRowContext(ctx, query).Scan(&v)
}

// MigrateWith migrates as a program does that knows other steps.
func (s *Store) MigrateWith(ctx context.Context, files map[string]string) error {
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	steps, err := sqlstore.Migrations(folder)
	if err != nil {
		return err
	}
	return s.migrate(ctx, steps)
}

// Released returns the text of the steps of this version.
func Released() (map[string]string, error) {
	names, err := migrations.ReadDir("migrations")
	files := map[string]string{}
	for _, n := range names {
		if n.IsDir() {
			continue
		}
		text, err := migrations.ReadFile("migrations/" + n.Name())
		if err != nil {
			return nil, err
		}
		files[n.Name()] = string(text)
	}
	return files, err
}

// DriverName is what database/sql knows the driver by.
const DriverName = driverName

// Interpret is what the errors of the driver go through.
func Interpret(ctx context.Context, err error) error { return interpret(ctx, err) }
