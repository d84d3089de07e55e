package metering_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// TestCase_R1_R3_MidnightWritesNothing lets a day begin for many users, of whom
// one has rows that make no sense: everybody reads zero and has the whole limit
// again, and nobody wrote anything for it.
func TestCase_R1_R3_MidnightWritesNothing(t *testing.T) {
	t.Parallel()
	const users = 50
	folder := t.TempDir()
	b := openIn(t, folder, daily(2))
	principal := func(i int) authn.Principal {
		p := ann
		p.Subject = fmt.Sprint("usr_", i)
		if i == 0 {
			p.Zone = store.Zone{Name: "Mars/Olympus"} // the one that would stop a job
		}
		return p
	}
	for i := range users {
		for range 2 {
			if _, err := b.Settle(t.Context(), b.mustReserve(t, principal(i)).ID, 1, store.OutcomeComplete); err != nil {
				t.Fatal(err)
			}
		}
	}
	db, err := sql.Open(sql.Drivers()[0], filepath.Join(folder, "usermgmt.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE usage SET used = -9223372036854775808 WHERE subject = 'usr_0'"); err != nil {
		t.Fatal(err)
	}
	version := func() (v int64) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), "PRAGMA data_version").Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	db.SetMaxOpenConns(1) // data_version tells a connection of the writes of others
	before := version()
	b.now = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for i := range users {
		p := principal(i)
		if c := b.usage(t, p, p.Subject, store.Day); c.Used != 0 || c.Remaining() != 2 {
			t.Errorf("at midnight %s has %+v", p.Subject, c)
		}
	}
	if after := version(); after != before {
		t.Error("the day that began was written")
	}
	for i := range users {
		b.mustReserve(t, principal(i))
	}
}
