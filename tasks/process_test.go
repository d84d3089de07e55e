package tasks_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
	"github.com/usermgmt/usermgmt/tasks"
)

// pathVariable makes TestChildProcess work on the file that it names: it hangs in
// a run, or makes one backup after another in the folder of backupsVariable, from
// the day of dayVariable on, for each run has a time of its own.
const (
	pathVariable    = "TASKS_TEST_PATH"
	backupsVariable = "TASKS_TEST_BACKUPS"
	dayVariable     = "TASKS_TEST_DAY"
)

// shortLease is what these processes have, so that nobody waits for a minute.
const shortLease = 600 * time.Millisecond

// inRun is the task of both processes.
func inRun(work func(ctx context.Context) error) tasks.Config {
	return tasks.Config{Lease: shortLease, Tasks: []tasks.Task{{Name: "work", Every: 24 * time.Hour, Jitter: -1,
		Once: func(ctx context.Context, q store.Queries) error {
			if err := work(ctx); err != nil {
				return err
			}
			return effect("work")(ctx, q)
		}}}}
}

// TestChildProcess is run by other tests and killed.
func TestChildProcess(t *testing.T) {
	path := os.Getenv(pathVariable)
	switch folder := os.Getenv(backupsVariable); {
	case path == "":
		t.Skip("needs " + pathVariable)
	case folder != "":
		backUp(t, path, folder)
	default:
		hangInRun(t, path)
	}
}

func hangInRun(t *testing.T, path string) {
	cfg := inRun(func(ctx context.Context) error {
		fmt.Println("\nready")
		<-ctx.Done()
		return ctx.Err()
	})
	cfg.Store, cfg.Owner = openStore(t, path), "ins_child"
	_ = newRunner(t, cfg).Run(t.Context())
}

// backUp makes backups, one for each second of its clock, and keeps three.
func backUp(t *testing.T, path, folder string) {
	h := newHouse(t, path)
	h.BackupDir, h.BackupEvery, h.BackupKeep = folder, time.Hour, 3
	day, err := strconv.Atoi(os.Getenv(dayVariable))
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.AddDate(-1, 0, day)
	for range 1000 {
		if err := h.run(t, "backup"); err != nil {
			t.Fatal(err)
		}
		fmt.Println("\nready")
		h.now = h.now.Add(time.Second)
	}
}

// startChild starts another process of this test and waits until it is ready.
func startChild(t *testing.T, variables ...string) *exec.Cmd {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$")
	child.Env = append(os.Environ(), variables...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	go func() { // so that it is not held up
		for lines.Scan() {
		}
	}()
	return child
}

func kill(t *testing.T, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
}

func TestCase_RL_08_AnotherProcessTakesOverFromOneThatWasKilled(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	s := openStore(t, path)
	child := startChild(t, pathVariable+"="+path)

	// The other process holds the write lock in its run, and dies with it.
	cfg := inRun(func(context.Context) error { return nil })
	cfg.Store = s
	r, stop := start(t, cfg)
	kill(t, child)
	for poll := time.Tick(10 * time.Millisecond); r.Stats()[0].Runs == 0; {
		select {
		case <-poll:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	stop()
	runs := taskRuns(t, s, "work")
	if len(runs) != 1 || runs[0].Status != store.TaskDone || runs[0].Fence != 2 || runs[0].Owner == "ins_child" {
		t.Errorf("runs are %+v; want one, which the second process took over", runs)
	}
	if n := effects(t, s)[keyOf("work", runs[0].ScheduledAt)]; n != 1 {
		t.Errorf("the effect happened %d times", n)
	}
}

// Whenever a process dies in a backup, or while it deletes an old one, what has
// the name of a backup is whole, with its messages; as many are there as were
// made or are kept; and the next backup clears away what is not whole.
func TestAProcessThatDiesInABackupLeavesNoHalfOne(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	h := newHouse(t, path)
	for i := range 200 {
		if err := h.Store.UserInsert(t.Context(), store.User{ID: fmt.Sprint("usr_", i), DisplayName: strings.Repeat("x", 4000)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Store.MessageAppend(t.Context(), []store.Message{{ID: "msg_1", UserID: "usr_1", ConversationID: "c"}}); err != nil {
		t.Fatal(err)
	}
	partial := 0
	for day := range 10 {
		backups := t.TempDir()
		child := startChild(t, pathVariable+"="+path, backupsVariable+"="+backups, fmt.Sprint(dayVariable, "=", day))
		<-time.After(rand.N(60 * time.Millisecond))
		kill(t, child)
		whole := 0
		for _, name := range filesIn(t, backups) {
			if strings.HasSuffix(name, store.PartialSuffix) {
				partial++
				continue
			}
			whole++
			wantWhole(t, filepath.Join(backups, name, filepath.Base(path)))
		}
		if whole < 1 {
			t.Error("the backup that was made is not there")
		}
		h.BackupDir, h.BackupEvery, h.BackupKeep = backups, time.Hour, whole+1
		h.now = h.now.Add(24 * time.Hour)
		if err := h.run(t, "backup"); err != nil {
			t.Fatal(err)
		}
		if names := filesIn(t, backups); len(names) != whole+1 || strings.Contains(strings.Join(names, " "), store.PartialSuffix) {
			t.Errorf("after the next backup the folder holds %v, want the %d and one more", names, whole)
		}
	}
	t.Logf("%d halves of a backup were left", partial)
}

// wantWhole fails the test unless the database and its messages can be read.
func wantWhole(t *testing.T, path string) {
	t.Helper()
	for _, file := range []string{path, sqlite.MessagesPath(path)} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there: %v", file, err) // opening would make it
		}
	}
	s, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.UserGet(t.Context(), "usr_199"); err != nil {
		t.Errorf("%s is not whole: %v", path, err)
	}
	if _, err := s.MessageGet(t.Context(), "usr_1", "msg_1"); err != nil {
		t.Errorf("the messages beside %s are not whole: %v", path, err)
	}
}
