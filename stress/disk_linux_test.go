package stress_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/usermgmt/usermgmt/store/sqlite"
)

// disk is what a host keeps its files on, as seen from outside.
type disk struct {
	fill, free func() // any goroutine may call fill
	folder     string // where the files can still be read when the host has ended
}

// A disk that is full: writes are refused and say when to come again, what was
// acknowledged is there, what was refused is not, and reading goes on. With room
// again the host goes on by itself.
func TestCase_RL_03_FullDisk(t *testing.T) {
	t.Run("of a file system", fullFileSystem)
	t.Run("for files that may not grow", fullFiles)
}

func fullFileSystem(t *testing.T) {
	beside(t)
	folder := t.TempDir()
	mount := []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2"`, "sh", folder}
	if out, err := exec.Command(mount[0], append(mount[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	p := start(t, settings{Path: filepath.Join(folder, "usermgmt.db"), Before: mount})

	// The mount ends with the host, unless somebody has it open.
	mounted, err := os.Open(fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, folder))
	if err != nil {
		t.Fatal(err)
	}
	defer mounted.Close()
	inside := fmt.Sprintf("/proc/self/fd/%d", mounted.Fd())
	ballast := filepath.Join(inside, "ballast")
	fillUp(t, p, disk{
		folder: inside,
		fill: func() {
			f, err := os.Create(ballast)
			for err == nil {
				_, err = f.Write(make([]byte, pageSize))
			}
			if f.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
		},
		free: func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// fullFiles is what can be tried also where nothing may be mounted.
func fullFiles(t *testing.T) {
	beside(t)
	path := databasePath(t)
	p := start(t, settings{Path: path})
	fillUp(t, p, disk{
		folder: filepath.Dir(path),
		fill: func() {
			log, err := os.Stat(path + "-wal")
			if err != nil {
				t.Error(err)
				return
			}
			limitFiles(t, p, uint64(log.Size()))
		},
		free: func() { limitFiles(t, p, math.MaxUint64) },
	})
}

// limitFiles sets how large a file of the host may grow. Go programs ignore the
// signal that comes with a write beyond it.
func limitFiles(t *testing.T, p *process, size uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: size, Max: math.MaxUint64}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Errorf("the size of files cannot be limited: %v", errno)
	}
}

// outcome is what became of the changes that were asked for, by where each
// would stand in the database.
type outcome struct {
	mu             sync.Mutex
	there, nowhere []place
	counts         tally
}

// place is a value in a column.
type place struct{ table, column, value string }

// note files an answer under what it must have left behind.
func (o *outcome) note(t *testing.T, a answer, err error, where ...place) {
	switch {
	case err != nil:
		t.Errorf("no answer: %v", err)
		return
	case a.status < 300:
	case a.status == http.StatusServiceUnavailable && a.text("code") == "unavailable" && a.header.Get("Retry-After") != "":
	default:
		t.Errorf("answer %d %v %v; want a success, or 503 with Retry-After", a.status, a.header, a.body)
	}
	o.counts.add(fmt.Sprint(a.status))
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.status < 300 {
		o.there = append(o.there, where...)
	} else {
		o.nowhere = append(o.nowhere, where...)
	}
}

func fillUp(t *testing.T, p *process, d disk) {
	who := p.newPerson("alice")
	unseen := p.must(http.StatusCreated, "POST", "/auth/me/keys", who.token, map[string]any{"name": "unseen"}).text("key")
	var before, during, after outcome
	change(t, p, who, "before", 2, &before)

	writing, stop := context.WithCancel(t.Context())
	var reader sync.WaitGroup
	var reads figures
	reader.Go(func() {
		for writing.Err() == nil {
			for _, ask := range [][2]string{
				{"/v1/ping", who.key}, {"/v1/ping", who.token}, {"/v1/ping", unseen}, {"/auth/me", who.token}, {"/health/live", ""},
			} {
				began := time.Now()
				if a, err := p.request(t.Context(), "GET", ask[0], ask[1], nil); err != nil || a.status != http.StatusOK {
					t.Errorf("GET %s on a full disk: %d %v %v", ask[0], a.status, a.body, err)
				}
				reads.add(time.Since(began))
			}
		}
	})
	var filler sync.WaitGroup
	filler.Go(d.fill) // while changes are made
	change(t, p, who, "during", form(20, 200), &during)
	filler.Wait()
	stop()
	reader.Wait()
	if during.counts.of("503") == 0 {
		t.Error("nothing was refused: the disk is not full")
	}

	d.free()
	freed := time.Now()
	for a := (answer{}); a.status != http.StatusOK; {
		a, _ = p.request(t.Context(), "PATCH", "/auth/me", who.token, map[string]any{"display_name": "Alice"})
		if time.Since(freed) > 5*time.Second {
			t.Fatalf("5 s after there was room again: %d %v", a.status, a.body)
		}
	}
	recovered := time.Since(freed)
	change(t, p, who, "after", 2, &after)
	if after.counts.of("503") != 0 {
		t.Errorf("with room again: %v", &after.counts)
	}
	p.terminate()

	copied := databasePath(t)
	full := filepath.Join(d.folder, "usermgmt.db")
	write(t, copied, read(t, full))
	write(t, sqlite.MessagesPath(copied), read(t, sqlite.MessagesPath(full)))
	verify(t, copied, who, &before, &during, &after)
	t.Logf("full: %v; reads: %v; recovered %v after there was room", &during.counts, &reads, recovered.Round(time.Millisecond))
}

// change asks for changes of several kinds, from some callers at once.
func change(t *testing.T, p *process, who *person, name string, rounds int, o *outcome) {
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range rounds {
				unique := fmt.Sprintf("%s-%d-%d", name, caller, i)
				a, err := p.request(t.Context(), "POST", "/auth/register", "", registration(unique))
				o.note(t, a, err, place{"users", "username", unique}, place{"identifiers", "value", unique})
				a, err = p.request(t.Context(), "POST", "/auth/me/keys", who.token, map[string]any{"name": unique})
				o.note(t, a, err, place{"api_keys", "name", unique})
				a, err = p.request(t.Context(), "POST", "/v1/chat?conversation="+unique, who.key, nil)
				o.note(t, a, err, place{"message_logs", "(SELECT conversation_id FROM conversations WHERE n = conversation)", unique})
				a, err = p.request(t.Context(), "POST", "/auth/login", "", map[string]any{"username": who.name, "password": password})
				o.note(t, a, err)
			}
		})
	}
	callers.Wait()
}

// verify holds a database against what was answered.
func verify(t *testing.T, path string, who *person, outcomes ...*outcome) {
	file := openFile(t, path)
	file.whole()
	chats := int64(0)
	rows := func(at place) int64 {
		return file.count("SELECT COUNT(*) FROM "+at.table+" WHERE "+at.column+" = ?", at.value)
	}
	for _, o := range outcomes {
		for _, at := range o.there {
			if at.table == "message_logs" {
				chats++
			}
			if rows(at) != 1 {
				t.Errorf("%v was acknowledged and is not there", at)
			}
		}
		for _, at := range o.nowhere {
			if rows(at) != 0 {
				t.Errorf("%v was refused and is there", at)
			}
		}
	}
	if used := file.count("SELECT used FROM usage WHERE subject = ? AND meter = 'conversations' AND period = 'day'", who.id); used != chats {
		t.Errorf("%d conversations are counted, %d were answered", used, chats)
	}
	if n := file.count("SELECT COUNT(*) FROM users WHERE id NOT IN (SELECT target_id FROM audit_events WHERE action = 'user.register')"); n != 0 {
		t.Errorf("%d users have no audit row", n)
	}
	if n := file.count("SELECT COUNT(*) FROM sessions WHERE id NOT IN (SELECT session_id FROM refresh_tokens)"); n != 0 {
		t.Errorf("%d sessions have no refresh token", n)
	}
}
