package messagelog_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// roleVariable makes TestChildProcess play a role, on the file that pathVariable
// names.
const (
	roleVariable = "MESSAGELOG_TEST_ROLE"
	pathVariable = "MESSAGELOG_TEST_PATH"
)

// TestChildProcess is run by other tests. It logs messages of eight
// conversations until it is killed or told to end, and says of each, on a line
// of its own, that it was acknowledged.
func TestChildProcess(t *testing.T) {
	role := os.Getenv(roleVariable)
	if role == "" {
		t.Skip("needs " + roleVariable)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := sqlite.Open(t.Context(), os.Getenv(pathVariable), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := messagelog.New(messagelog.Config{Store: db})
	acknowledged := bufio.NewWriter(os.Stdout)
	for i := 0; ctx.Err() == nil && (role != "count" || i < 10_000); i++ {
		m := chat()
		m.ID, m.ConversationID = fmt.Sprintf("m-%d-%d", os.Getpid(), i), fmt.Sprint("c-", i%8)
		if role == "durable" {
			_, err = log.Append(t.Context(), m)
		} else {
			err = log.Enqueue(t.Context(), m)
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(acknowledged, "\nacknowledged %s\n", m.ID)
		acknowledged.Flush()
	}
	<-ctx.Done()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// child starts another process that plays a role, ends it after a number of
// acknowledged messages by a signal, and returns their ids.
func child(t *testing.T, role, path string, after int, end os.Signal) (acknowledged []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		id, ok := strings.CutPrefix(lines.Text(), "acknowledged ")
		if !ok {
			continue
		}
		if acknowledged = append(acknowledged, id); len(acknowledged) == after {
			cmd.Process.Signal(end)
		}
	}
	if err := cmd.Wait(); end == syscall.SIGTERM && err != nil {
		t.Errorf("after a SIGTERM: %v", err)
	}
	return acknowledged
}

// read returns the ids that are stored, and fails the test when one is there
// twice or a conversation has a gap or another order than that of its ids.
func read(t *testing.T, path string) map[string]bool {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stored := map[string]bool{}
	for c := range 8 {
		name := fmt.Sprint("c-", c)
		var messages []store.Message
		for p := (store.Page{Sort: store.OldestFirst, Limit: store.MaxLimit}); ; {
			list, err := db.MessageList(t.Context(), store.MessageFilter{UserID: "usr_1", ConversationID: name}, p)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, list.Items...)
			if p.After = list.Next; p.After.IsZero() {
				break
			}
		}
		latest := map[string]int{} // of each process
		bySeq := make([]string, len(messages)+1)
		for _, m := range messages {
			if stored[m.ID] || m.Seq < 1 || m.Seq > int64(len(messages)) || bySeq[m.Seq] != "" {
				t.Fatalf("%s, number %d of %s, is there twice or beyond a gap", m.ID, m.Seq, name)
			}
			stored[m.ID], bySeq[m.Seq] = true, m.ID
		}
		for _, id := range bySeq[1:] {
			process, number := split(t, id)
			if before, ok := latest[process]; ok && number < before {
				t.Errorf("in %s number %d comes after %d", name, number, before)
			}
			latest[process] = number
		}
	}
	return stored
}

func split(t *testing.T, id string) (process string, number int) {
	t.Helper()
	parts := strings.Split(id, "-")
	if _, err := fmt.Sscan(parts[2], &number); err != nil {
		t.Fatal(err)
	}
	return parts[1], number
}

func TestCase_AU_06_SIGTERMLosesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	acknowledged := child(t, "count", path, 10_000, syscall.SIGTERM)
	stored := read(t, path)
	if len(acknowledged) != 10_000 || len(stored) != 10_000 {
		t.Errorf("%d were acknowledged, %d are stored", len(acknowledged), len(stored))
	}
}

func TestCase_AU_07_AKillLosesNothingDurable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	var acknowledged []string
	for range 6 {
		acknowledged = append(acknowledged, child(t, "durable", path, 1+rand.N(60), syscall.SIGKILL)...)
	}
	stored := read(t, path)
	for _, id := range acknowledged {
		if !stored[id] {
			t.Errorf("%s was acknowledged and is missing", id)
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acknowledged), len(stored))
}

// A kill loses no more than the window, and the next log on the file says so.
func TestCase_AU_08_AKillLosesAtMostTheWindow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	for round := range 4 {
		acknowledged := child(t, "fast", path, 1+rand.N(3000), syscall.SIGKILL)
		lost := 0
		stored := read(t, path)
		for _, id := range acknowledged {
			if !stored[id] {
				lost++
			}
		}
		reported := reportedLost(t, path)
		if int64(lost) > reported || reported > 500 {
			t.Errorf("round %d: %d are lost, at most %d are reported", round, lost, reported)
		}
		t.Logf("%d acknowledged, %d lost, at most %d reported", len(acknowledged), lost, reported)
	}
}

// reportedLost opens a log when the lease of the one before has ended.
func reportedLost(t *testing.T, path string) int64 {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := messagelog.New(messagelog.Config{Store: db, Clock: func() time.Time { return time.Now().Add(time.Minute) }})
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return log.Stats().Lost
}

// Two processes that log to the same conversations, in opposite order, do not
// wait for each other for ever, and each conversation stays without a gap.
func TestCase_L8_FlushesOfTheSameConversationsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	const each = 2000
	var logs []*messagelog.Log
	for range 2 {
		db, err := sqlite.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		logs = append(logs, messagelog.New(messagelog.Config{Store: db, BatchSize: 50}))
	}
	var writing sync.WaitGroup
	for which, log := range logs {
		writing.Go(func() {
			for i := range each {
				m := chat()
				m.ID, m.ConversationID = fmt.Sprintf("m-%d-%d", which, i), fmt.Sprint("c-", i%8)
				if which == 1 {
					m.ConversationID = fmt.Sprint("c-", 7-i%8)
				}
				if err := log.Enqueue(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
			mustClose(t, log)
		})
	}
	writing.Wait()
	if n := len(read(t, path)); n != 2*each {
		t.Errorf("%d messages are stored, want %d", n, 2*each)
	}
}
