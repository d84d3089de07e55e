package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_Q3_AChargeIsWholeOrNotAtAll lets each of the writes of a charge fail
// in turn: the lease is held as before and nothing is counted, and once the fault
// is gone the same charge is made, once.
func TestCase_Q3_AChargeIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"BEFORE INSERT ON usage", "BEFORE UPDATE ON usage", "AFTER UPDATE ON usage",
		"BEFORE UPDATE ON reservations", "AFTER UPDATE ON reservations", "BEFORE DELETE ON holds", "AFTER DELETE ON holds",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "usermgmt.db")
			s := openFile(t, path, nil)
			now := limited.Start.Add(time.Hour)
			for _, id := range []string{"res_before", "res_charged"} {
				_, err := s.MeterReserve(t.Context(), []store.Reserve{{
					ID: id, Subject: limited.Subject, Meter: limited.Meter, Amount: 1,
					Limits: []store.CounterLimit{limited}, Now: now, ExpiresAt: now.Add(time.Hour),
				}})
				if err != nil {
					t.Fatal(err)
				}
			}
			settle := func(id string) error {
				_, err := s.MeterSettle(t.Context(), []store.Settle{{ID: id, Amount: 1, Now: now}})
				return err
			}
			books := func(used, reserved int64) {
				t.Helper()
				counters, err := s.MeterUsage(t.Context(), []store.CounterLimit{limited}, now)
				if err != nil || counters[0].Used != used || counters[0].Reserved != reserved {
					t.Errorf("the counter is %+v, %v; want %d used, %d reserved", counters, err, used, reserved)
				}
			}
			if err := settle("res_before"); err != nil { // so that there is a row to update
				t.Fatal(err)
			}
			execute(t, path, "CREATE TRIGGER fault "+fault+" BEGIN SELECT RAISE(ABORT, 'fault'); END")
			if err := settle("res_charged"); err == nil {
				t.Fatal("the fault was not met")
			}
			books(1, 1)
			execute(t, path, "DROP TRIGGER fault")
			for range 2 {
				if err := settle("res_charged"); err != nil {
					t.Fatal(err)
				}
			}
			books(2, 0)
		})
	}
}

// execute runs a statement from outside, as another program would.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open(sql.Drivers()[0], path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
