package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// raced reads the report of a race.
func raced(t *testing.T, s said) (r reportJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.out), &r); err != nil {
		t.Fatalf("exit %d, %v: %q %q", s.code, err, s.out, s.err)
	}
	return r
}

func TestCase_Q1_DoctorQuotaFindsMeteringExact(t *testing.T) {
	t.Parallel()
	s := execute(t, nil, "doctor", "quota", "-json", "-lease=3s", "-callers=8")
	r := raced(t, s)
	if s.code != exitOK || !r.Exact || r.Processes != 2 || r.Killed != 0 {
		t.Fatalf("exit %d: %s %s", s.code, s.out, s.err)
	}
	for _, b := range []struct{ admitted, refused, unknown, used, units int64 }{
		{r.Limit.Admitted, r.Limit.Refused, r.Limit.Unknown, r.Limit.Used, r.Limit.Units},
		{r.Credits.Admitted, r.Credits.Refused, r.Credits.Unknown, r.Credits.Used, r.Credits.Units},
	} {
		if b.admitted+b.refused+b.unknown != 1000 || b.admitted < 100 || b.refused < 100 || b.used != 300 || b.units != 300 {
			t.Errorf("of 1000 requests: %+v", b)
		}
	}
	if r.Rate <= 0 || r.Balance != 0 || r.Ledger != 0 {
		t.Errorf("the rest: %+v", r)
	}
}

func TestCase_RL_12_DoctorQuotaWithKills(t *testing.T) {
	t.Parallel()
	s := execute(t, nil, "doctor", "quota", "-json", "-kill", "-processes=3", "-lease=3s", "-callers=8", "-limit=700", "-credits=900")
	r := raced(t, s)
	if s.code != exitOK || !r.Exact || r.Killed != 2 || r.Limit.Used != 700 || r.Credits.Used != 900 {
		t.Fatalf("exit %d: %s %s", s.code, s.out, s.err)
	}
	if r.Limit.Filled == 0 {
		t.Errorf("nothing was left to take after two were killed: %+v", r.Limit)
	}
}

func TestCase_QT_03_DoctorQuotaFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	for fault, wrong := range map[string]func(r reportJSON) bool{
		"reads, then writes": func(r reportJSON) bool { return r.Limit.Over > 0 && r.Credits.Over == 0 },
		"never returns":      func(r reportJSON) bool { return r.Limit.Under > 0 && r.Limit.Reserved > 0 && r.Limit.Over == 0 },
		"spends twice":       func(r reportJSON) bool { return r.Credits.Over > 0 && r.Limit.Over == 0 },
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := execute(t, []string{faultVariable + "=" + fault}, "doctor", "quota", "-json", "-lease=3s", "-callers=8")
			if r := raced(t, s); s.code != exitWrong || r.Exact || !wrong(r) {
				t.Errorf("exit %d: %s", s.code, s.out)
			}
		})
	}
	t.Run("nobody can reach it", func(t *testing.T) {
		t.Parallel()
		s := execute(t, []string{faultVariable + "=nobody can reach it"}, "doctor", "quota")
		if s.code != exitWrong || s.out != "" || !strings.Contains(s.err, "usermgmt doctor quota: ") {
			t.Errorf("exit %d: %q %q", s.code, s.out, s.err)
		}
	})
}

// What others have in the store is as it was, and nothing of the race is left.
func TestDoctorQuotaLeavesTheStoreAsItWas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	furnish(t, path)
	before := contents(t, path)
	for _, how := range []struct {
		env  []string
		args []string
	}{
		{nil, []string{"-database=sqlite:" + path, "-kill"}},
		{[]string{"USERMGMT_DATABASE_URL=sqlite:" + path}, []string{"-seconds=1", "-requests=1000000", "-processes=1", "-callers=2"}},
	} {
		s := execute(t, how.env, append([]string{"doctor", "quota", "-lease=3s", "-callers=8"}, how.args...)...)
		if s.code != exitOK || !strings.Contains(s.out, "exact: nothing over, nothing under") {
			t.Errorf("%v: exit %d: %s %s", how, s.code, s.out, s.err)
		}
		if diff := cmp.Diff(before, contents(t, path)); diff != "" {
			t.Errorf("%v: the store is not as it was (-before +after):\n%s", how, diff)
		}
	}
}

// An interrupt ends a race; nothing of it is left either.
func TestDoctorQuotaInterrupted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	furnish(t, path)
	before := contents(t, path)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "doctor", "quota", "-database=sqlite:"+path, "-requests=1000000", "-callers=2")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	for racing := false; !racing; racing = len(contents(t, path)["ledger_entries"]) > 10 {
		select {
		case <-ended:
			t.Fatalf("nobody raced: %s", &said)
		default:
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != exitWrong || said.String() != "usermgmt doctor quota: context canceled\n" {
		t.Errorf("exit %d: %s", code, &said)
	}
	if diff := cmp.Diff(before, contents(t, path)); diff != "" {
		t.Errorf("the store is not as it was (-before +after):\n%s", diff)
	}
}

// furnish makes a store in which somebody has used something.
func furnish(t *testing.T, path string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	limit := store.CounterLimit{Counter: store.Counter{Subject: "usr_1", Meter: "conversations", Window: store.Day, Start: now}, Limit: 5}
	_, _, granted := db.CreditGrant(t.Context(), store.Grant{ID: "led_1", UserID: "usr_1", Amount: 5, Mode: store.GrantAdd, Now: now})
	_, reserved := db.MeterReserve(t.Context(), []store.Reserve{
		{ID: "res_1", Subject: "usr_1", Meter: "conversations", Amount: 2, Limits: []store.CounterLimit{limit}, Now: now, ExpiresAt: now.Add(time.Hour)},
		{ID: "res_2", Subject: "usr_1", Meter: "conversations", Amount: 1, Limits: []store.CounterLimit{limit}, Now: now, Consume: true},
	})
	for _, err := range []error{granted, reserved, db.PlanInsert(t.Context(), store.Plan{ID: "doctor", Name: "Ours"}), db.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// contents are all rows of all tables.
func contents(t *testing.T, path string) map[string][]string {
	t.Helper()
	driver := "sqlite" // in pure Go
	if slices.Contains(sql.Drivers(), "sqlite3") {
		driver = "sqlite3"
	}
	db, err := sql.Open(driver, "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	all := map[string][]string{}
	for _, table := range rows(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		table = strings.TrimSpace(table)
		all[table] = rows(t, db, "SELECT * FROM "+table)
	}
	if len(all) < 20 {
		t.Fatalf("only %d tables", len(all))
	}
	return all
}

func rows(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintln(row...))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
