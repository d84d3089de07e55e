package usermgmt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	token := h.register("alice").text("access_token")

	h.want(h.call("POST", "/v1/chat", "", nil), 401, "unauthenticated")
	h.want(h.call("POST", "/v1/chat", token, nil), 200, "")
	id, key := h.key(token)
	h.want(h.call("POST", "/v1/chat", key, nil), 200, "")

	usage := h.call("GET", "/auth/me/usage", token, nil)
	meter := usage.body["meters"].([]any)[0].(map[string]any)
	if meter["meter"] != "conversations" || meter["used"] != 2.0 || meter["remaining"] != 98.0 {
		t.Errorf("usage after two chats: %v", meter)
	}
	h.want(h.call("DELETE", "/auth/me/keys/"+id, token, nil), 204, "")
	h.want(h.call("POST", "/v1/chat", key, nil), 401, "invalid_token")
}

// 200 requests at once against a limit of 50: 50 are admitted, neither more nor
// fewer, whichever credential they come with.
func TestCase_QT_01_ParallelRequestsAgainstALimit(t *testing.T) {
	t.Parallel()
	const limit, requests = 50, 200
	h := newHost(t, daily(limit))
	token := h.register("alice").text("access_token")
	_, key := h.key(token)

	var admitted, refused atomic.Int64
	var group sync.WaitGroup
	for i := range requests {
		credential := token
		if i%2 == 0 {
			credential = key
		}
		group.Go(func() {
			a := h.call("POST", "/v1/chat", credential, nil)
			switch {
			case a.status == 200:
				admitted.Add(1)
			case a.status == 429 && a.text("code") == "quota_exceeded" && a.header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				t.Errorf("answer %d %v", a.status, a.body)
			}
		})
	}
	group.Wait()
	if admitted.Load() != limit || refused.Load() != requests-limit {
		t.Errorf("%d admitted, %d refused; want %d, %d", admitted.Load(), refused.Load(), limit, requests-limit)
	}
	a := h.call("POST", "/v1/chat", token, nil)
	if a.body["remaining"] != 0.0 || a.body["limit"] != float64(limit) || a.text("window") != "day" {
		t.Errorf("the refusal says %v", a.body)
	}
}

// A handler that fails before its first byte is not charged, and everybody whose
// turn it still is gets in.
func TestAFailedHandlerIsNotCharged(t *testing.T) {
	t.Parallel()
	var turn atomic.Int64
	mgr := open(t, databasePath(t), unhurried, daily(2))
	h := serve(t, mgr, func(w http.ResponseWriter, r *http.Request) {
		switch turn.Add(1) {
		case 1:
			panic("a fault of the host")
		case 2:
			http.Error(w, "no", http.StatusBadGateway)
		default:
			ok(w, r)
		}
	})
	token := h.register("alice").text("access_token")
	for i, want := range []int{500, 502, 200, 200, 429} {
		if a := h.call("POST", "/v1/chat", token, nil); a.status != want {
			t.Errorf("request %d: %d; want %d", i+1, a.status, want)
		}
	}
}

func TestARestartFindsUsersUsageAndLogs(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	first, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	user, grant, err := first.Users().Register(t.Context(), usermgmt.Registration{Username: "alice", Email: "alice@example.com", Password: password}, authn.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	turns := json.RawMessage(`[{"role":"user","content":"hello"}]`)
	if _, err := first.Messages().Append(t.Context(), usermgmt.Message{UserID: user.ID, Username: "alice", ConversationID: "c1", Request: turns, Response: turns, Status: "ok"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	h := serve(t, open(t, path, unhurried), ok)
	token := grant.AccessToken.Reveal()
	if a := h.call("GET", "/auth/me", token, nil); a.text("username") != "alice" {
		t.Errorf("me, with the token from before: %d %v", a.status, a.body)
	}
	h.login("alice@example.com")
	if a := h.call("GET", "/auth/me/messages", token, nil); len(a.body["items"].([]any)) != 1 {
		t.Errorf("messages after the restart: %v", a.body)
	}
}

func TestCase_RL_10_OpenAndCloseLeaveNothing(t *testing.T) {
	// Not parallel: it counts the goroutines and files of the process.
	path := databasePath(t)
	round := func() {
		mgr, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4})
		if err != nil {
			t.Fatal(err)
		}
		running := make(chan error)
		go func() { running <- mgr.Run(context.Background()) }()
		if err := mgr.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-running; err != nil && !errors.Is(err, usermgmt.ErrClosed) {
			t.Fatalf("Run of a closed Manager: %v", err)
		}
		if err := mgr.Close(); err != nil {
			t.Fatalf("the second Close: %v", err)
		}
		if _, err := mgr.Users().Get(t.Context(), "usr_1"); !errors.Is(err, usermgmt.ErrClosed) {
			t.Fatalf("use after Close: %v; want ErrClosed", err)
		}
	}
	round()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	for range 100 {
		round()
	}
	// Those of database/sql end by themselves, shortly after the pool was closed.
	n := runtime.NumGoroutine()
	for range 500 {
		if n <= goroutines+2 {
			break
		}
		<-time.After(10 * time.Millisecond)
		n = runtime.NumGoroutine()
	}
	if n > goroutines+2 {
		t.Errorf("%d goroutines before, %d after 100 rounds", goroutines, n)
	}
	if n := openFiles(); n > files+2 {
		t.Errorf("%d open files before, %d after 100 rounds", files, n)
	}
}

// openFiles counts the descriptors of the process, where the system tells.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// Nothing that proves who one is stands in the database in clear.
func TestCase_PW_15_TheDatabaseHoldsNoSecret(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	h := serve(t, open(t, path, unhurried), ok)
	session := h.register("alice")
	refreshed := h.call("POST", "/auth/refresh", "", map[string]any{"refresh_token": session.text("refresh_token")})
	_, key := h.key(session.text("access_token"))
	secrets := []string{password, key, session.text("refresh_token"), refreshed.text("refresh_token"), session.text("access_token")}

	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("the database's files: %v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if secret == "" || bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds a secret in clear, or there is none", filepath.Base(file))
			}
		}
	}
}

// The hook of a host is part of the change: its own rows commit with it, its
// error refuses it, and it cannot wait for the connection it is holding up.
func TestOnChangeRunsInsideTheChange(t *testing.T) {
	t.Parallel()
	var mgr *usermgmt.Manager
	var seen []string
	var nested []error
	refuse := &usermgmt.Error{Code: usermgmt.ErrForbidden, Detail: "No Bobs."}
	mgr = open(t, databasePath(t), func(cfg *usermgmt.Config) {
		cfg.OnChange = func(ctx context.Context, q usermgmt.Queries, c usermgmt.Change) error {
			if c.Action != "user.register" {
				return nil
			}
			user, err := q.UserGet(ctx, c.Target.ID)
			if err != nil {
				return err
			}
			host := q.(store.Execer)
			if _, err := host.Exec(ctx, "CREATE TABLE IF NOT EXISTS host_notes (user_id TEXT PRIMARY KEY)"); err != nil {
				return err
			}
			if _, err := host.Exec(ctx, "INSERT INTO host_notes (user_id) VALUES (?1)", user.ID); err != nil {
				return err
			}
			seen = append(seen, user.Username)
			if user.Username == "bob" {
				return refuse
			}
			_, _, reserve := mgr.Metering().Reserve(ctx, usermgmt.PrincipalOf(user), "conversations", 1, time.Minute)
			_, append := mgr.Messages().Append(ctx, usermgmt.Message{UserID: user.ID})
			nested = []error{reserve, append, mgr.Users().Suspend(ctx, usermgmt.System(), user.ID, "nested", time.Time{})}
			return nil
		}
	})
	register := func(name string) error {
		_, _, err := mgr.Users().Register(t.Context(), usermgmt.Registration{Username: name, Email: name + "@example.com", Password: password}, usermgmt.Origin{})
		return err
	}
	if err := register("alice"); err != nil {
		t.Fatal(err)
	}
	for _, err := range nested {
		if !errors.Is(err, usermgmt.ErrConflict) {
			t.Errorf("a call that needs the write connection, inside the hook: %v; want ErrConflict", err)
		}
	}
	if err := register("bob"); !errors.Is(err, refuse) || len(seen) != 2 {
		t.Errorf("a refused registration: %v; the hook saw %v", err, seen)
	}
	if _, _, err := mgr.Users().SignIn(t.Context(), "bob", password, usermgmt.Origin{}); !errors.Is(err, usermgmt.ErrInvalidCredentials) {
		t.Errorf("bob, whose registration was refused, signs in: %v", err)
	}
}

// A process that starts beside one that writes for long has nothing to write
// itself, and waits for nobody.
func TestAStartWaitsForNoWriter(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	first := open(t, path)
	if _, err := first.EnsureFirstAdmin(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = other.InTx(t.Context(), func(context.Context, store.Queries) error {
		second := open(t, path)
		_, err := second.EnsureFirstAdmin(t.Context())
		return err
	})
	if err != nil {
		t.Errorf("the second start: %v", err)
	}
}
