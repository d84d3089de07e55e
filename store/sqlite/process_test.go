package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// roleVariable makes TestChildProcess play a role, on the file that
// pathVariable names.
const (
	roleVariable = "SQLITE_TEST_ROLE"
	pathVariable = "SQLITE_TEST_PATH"
)

// child prepares another process of this test.
func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestChildProcess is run by other tests.
func TestChildProcess(t *testing.T) {
	role := os.Getenv(roleVariable)
	if role == "" {
		t.Skip("needs " + roleVariable)
	}
	if role == "readonly" {
		openReadOnly(t, os.Getenv(pathVariable))
		return
	}
	s := openFile(t, os.Getenv(pathVariable), nil)
	switch role {
	case "reserve":
		fmt.Println("\nadmitted", reserveMany(t, s, os.Getpid()))
	case "append":
		for i := 0; ; i++ {
			m := store.Message{ID: fmt.Sprintf("msg_%d_%d", os.Getpid(), i), UserID: "usr_1", ConversationID: "con_1"}
			out, err := s.MessageAppend(t.Context(), []store.Message{m})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println("\nacknowledged", out[0].ID, out[0].Seq)
		}
	}
}

// openReadOnly opens a database that cannot be written, and a new one beside it,
// after it has read what cannot be written.
func openReadOnly(t *testing.T, path string) {
	t.Helper()
	r, err := sqlite.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.AdminList(t.Context(), store.Page{}); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{path, filepath.Join(filepath.Dir(path), "new.db")} {
		if _, err := sqlite.Open(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), "writ") {
			t.Fatalf("opening %s: %v", filepath.Base(path), err)
		}
	}
	os.Stdout.WriteString("\nrefused twice\n")
}

// limited is a counter with a limit of 100, and its time.
var limited = store.CounterLimit{
	Counter: store.Counter{Subject: "usr_1", Meter: "conversations", Window: store.Day, Start: time.Unix(1e9, 0).UTC()},
	Limit:   100,
}

// reserveMany asks for 100 units from many goroutines, and returns how many it
// got.
func reserveMany(t *testing.T, s store.Store, who int) int64 {
	t.Helper()
	now := limited.Start.Add(time.Hour)
	var admitted atomic.Int64
	var callers sync.WaitGroup
	for i := range 10 {
		callers.Go(func() {
			for j := range 10 {
				res, err := s.MeterReserve(t.Context(), []store.Reserve{{
					ID: fmt.Sprintf("res_%d_%d_%d", who, i, j), Subject: "usr_1", Meter: "conversations", Amount: 1,
					Limits: []store.CounterLimit{limited}, Now: now, ExpiresAt: now.Add(time.Hour),
				}})
				switch {
				case err != nil:
					t.Error(err)
				case res[0].Refused < 0:
					admitted.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return admitted.Load()
}

func TestCase_QT_01_Q1_Q8_SeveralProcessesAdmitExactlyTheLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openFile(t, path, nil)
	var total atomic.Int64
	var processes sync.WaitGroup
	for range 2 {
		processes.Go(func() {
			out, err := child(t, "reserve", path).Output()
			if err != nil {
				t.Errorf("%v:\n%s", err, out)
				return
			}
			linesOf(string(out), "admitted", func(fields []string) {
				n, err := strconv.ParseInt(fields[0], 10, 64)
				if err != nil {
					t.Error(err)
				}
				total.Add(n)
			})
		})
	}
	processes.Go(func() { total.Add(reserveMany(t, s, 0)) })
	processes.Wait()
	if total.Load() != limited.Limit {
		t.Errorf("%d were admitted, want %d", total.Load(), limited.Limit)
	}
}

// linesOf calls fn with what follows a word on the whole lines that begin with
// it.
func linesOf(text, word string, fn func(fields []string)) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == word && strings.HasSuffix(line, "\n") {
			fn(fields[1:])
		}
	}
}

// TestKilledProcessLosesNothingAcknowledged kills a process while it appends.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	if err := openFile(t, path, nil).Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]string{} // id to seq
	for range 3 {
		cmd := child(t, "append", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			if n == 60 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			linesOf(line, "acknowledged", func(fields []string) { acknowledged[fields[0]] = fields[1] })
		}
		cmd.Wait() // it was killed
	}
	if len(acknowledged) < 60 {
		t.Fatalf("only %d were acknowledged", len(acknowledged))
	}
	s := openFile(t, path, nil)
	for id, seq := range acknowledged {
		m, err := s.MessageGet(t.Context(), "usr_1", id)
		if err != nil || strconv.FormatInt(m.Seq, 10) != seq {
			t.Errorf("%s was acknowledged as %s and is %d: %v", id, seq, m.Seq, err)
		}
	}
	for _, read := range []func(context.Context, string) (string, error){s.ReaderValue, s.MessagesValue} {
		if v, err := read(t.Context(), "PRAGMA integrity_check"); err != nil || v != "ok" {
			t.Errorf("integrity: %s, %v", v, err)
		}
	}
	rows := "SELECT COUNT(*) = MAX(seq) AND MAX(seq) = (SELECT last_seq FROM conversations) FROM message_logs"
	if v, err := s.MessagesValue(t.Context(), rows); err != nil || v != "1" {
		t.Errorf("seq has gaps: %s, %v", v, err)
	}
}

// TestCase_RL_10_NothingIsLeftOpen opens, uses and closes many times.
func TestCase_RL_10_NothingIsLeftOpen(t *testing.T) {
	// Not parallel: it counts the files of the whole process.
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	for i := range 20 {
		s, err := sqlite.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		reserveMany(t, s, i)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, path) {
			t.Errorf("%s is still open", to)
		}
	}
}
