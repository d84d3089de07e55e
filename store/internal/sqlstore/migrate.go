package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	migrationsTable = `CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL,
		sha256 TEXT NOT NULL, compatible_from BIGINT NOT NULL, applied_at BIGINT NOT NULL)`
	migrationsGet   = `SELECT number, name, sha256, compatible_from FROM schema_migrations ORDER BY number`
	migrationInsert = `INSERT INTO schema_migrations (number, name, sha256, compatible_from, applied_at)
		VALUES (?1, ?2, ?3, ?4, ?5)`
)

// Migration is one step of the schema. Steps are only ever added, and a step
// that was released is never edited.
type Migration struct {
	Number int
	Name   string // the file's, without folder and ending
	SHA256 string
	// CompatibleFrom is the oldest number whose code still works with the
	// schema as this step leaves it.
	CompatibleFrom int
	text           string
}

// Migrations reads the steps of a folder: files named 0001_initial.sql and so
// on, without a gap, each beginning with a line "-- compatible_from: N".
func Migrations(folder fs.FS) ([]Migration, error) {
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]Migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		if steps[i], err = parseMigration(name, string(text)); err != nil {
			return nil, err
		}
		if steps[i].Number != i+1 {
			return nil, fmt.Errorf("migration %s: the number should be %d", name, i+1)
		}
	}
	return steps, nil
}

func parseMigration(file, text string) (Migration, error) {
	sum := sha256.Sum256([]byte(text))
	m := Migration{Name: strings.TrimSuffix(file, ".sql"), SHA256: hex.EncodeToString(sum[:]), text: text}
	digits, _, _ := strings.Cut(file, "_")
	first, _, _ := strings.Cut(text, "\n")
	from, stated := strings.CutPrefix(first, "-- compatible_from: ")
	var err, errFrom error
	m.Number, err = strconv.Atoi(digits)
	m.CompatibleFrom, errFrom = strconv.Atoi(from)
	if err != nil || errFrom != nil || !stated || m.CompatibleFrom > m.Number {
		return m, fmt.Errorf("migration %s: it needs a number in its name and a first line \"-- compatible_from: N\"", file)
	}
	return m, nil
}

// Pending returns the steps that the database still needs; none when it is
// newer than this program and this program still works with it. It is an error
// when it does not, or when a step was applied with another text.
func Pending(ctx context.Context, r Reader, steps []Migration) ([]Migration, error) {
	applied, err := all(ctx, r, func(s scanner) (m Migration, err error) {
		err = s.Scan(&m.Number, &m.Name, &m.SHA256, &m.CompatibleFrom)
		return m, err
	}, migrationsGet)
	if err != nil {
		return nil, err
	}
	for i, a := range applied {
		switch {
		case a.CompatibleFrom > len(steps):
			return nil, store.Errorf(store.ErrConflict,
				"The database has schema %d, which needs a program that knows schema %d; this one knows %d. Use a newer version.",
				applied[len(applied)-1].Number, a.CompatibleFrom, len(steps))
		case a.Number != i+1:
			return nil, store.Errorf(store.ErrConflict, "The database lacks schema %d. Restore it from a backup.", i+1)
		case i < len(steps) && a.SHA256 != steps[i].SHA256:
			return nil, store.Errorf(store.ErrConflict,
				"The database was made with another text of migration %s. Use the version that made it.", a.Name)
		}
	}
	return steps[min(len(applied), len(steps)):], nil
}

// Migrate brings a database up to date. The caller holds the lock that keeps
// other migrations out, in a transaction that it commits.
func Migrate(ctx context.Context, c Conn, steps []Migration) error {
	if _, err := c.ExecContext(ctx, migrationsTable); err != nil {
		return err
	}
	pending, err := Pending(ctx, c, steps)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if _, err := c.ExecContext(ctx, m.text); err != nil {
			return fmt.Errorf("migration %s: %w", m.Name, err)
		}
		if _, err := exec(ctx, c, migrationInsert, m.Number, m.Name, m.SHA256, m.CompatibleFrom, time.Now().UnixMicro()); err != nil {
			return fmt.Errorf("migration %s: %w", m.Name, err)
		}
	}
	return nil
}
