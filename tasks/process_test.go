package tasks_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// pathVariable makes TestChildProcess hang in a run, on the file that it names.
const pathVariable = "TASKS_TEST_PATH"

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

// TestChildProcess is run by another test and killed.
func TestChildProcess(t *testing.T) {
	path := os.Getenv(pathVariable)
	if path == "" {
		t.Skip("needs " + pathVariable)
	}
	cfg := inRun(func(ctx context.Context) error {
		fmt.Println("\nin the run")
		<-ctx.Done()
		return ctx.Err()
	})
	cfg.Store, cfg.Owner = openStore(t, path), "ins_child"
	_ = newRunner(t, cfg).Run(t.Context())
}

func TestCase_RL_08_AnotherProcessTakesOverFromOneThatWasKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openStore(t, path)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$")
	child.Env = append(os.Environ(), pathVariable+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "in the run" {
	}

	// The other process holds the write lock in its run, and dies with it.
	cfg := inRun(func(context.Context) error { return nil })
	cfg.Store = s
	r, stop := start(t, cfg)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
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
