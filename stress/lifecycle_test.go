package stress_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
)

// household is a Config for a Manager in the process of the test, cheap and
// unhurried.
func household(path string) usermgmt.Config {
	unhurried := usermgmt.Rate{PerSecond: 1e6, Burst: 1e6}
	return usermgmt.Config{
		DatabaseURL:        "sqlite:" + path,
		BcryptCost:         4,
		SecretKeys:         []string{"jX0d4mQ9vT2rY7bK1sW6pZ3nH8cL5gF0uE4xA9iR2oM"},
		EncryptionKeys:     []string{"3q2-796tvu_erb7v3q2-796tvu_erb7v3q2-796tvu8="},
		AuditKeys:          []string{"Qw8nB3kV6xT1zL9mR4hJ7dP2sF5gC0yU3aE6iO8uN1b"},
		Scopes:             []string{"chat"},
		DefaultScopes:      []string{"chat"},
		RateLimit:          unhurried,
		IPRateLimit:        unhurried,
		LoginRateLimit:     unhurried,
		DailyConversations: new(int64(usermgmt.Unlimited)),
	}
}

// openManager makes a Manager that is closed with the test.
func openManager(t testing.TB, cfg usermgmt.Config) *usermgmt.Manager {
	t.Helper()
	m, err := usermgmt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return m
}

// register makes a user and returns it with its access token.
func register(t testing.TB, m *usermgmt.Manager, name string) (usermgmt.User, string) {
	t.Helper()
	user, grant, err := m.Users().Register(t.Context(),
		usermgmt.Registration{Username: name, Email: name + "@example.com", Password: password}, usermgmt.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return user, grant.AccessToken.Reveal()
}

// host puts a Manager of this process behind a listener. What it returns can be
// asked as a process can; leave ends the listener.
func host(t testing.TB, m *usermgmt.Manager) (p *process, leave func()) {
	t.Helper()
	server := httptest.NewServer(routes(m, new(feedSwitch)))
	return &process{t: t, url: server.URL, client: server.Client(), log: new(record)}, server.Close
}

// Opened, used and closed time after time, nothing is left: no goroutine, no
// descriptor, no memory. A second Close is none, and use afterwards an error.
func TestCase_RL_10_OpenUseClose(t *testing.T) {
	path := databasePath(t)
	round := func(i int) {
		m, err := usermgmt.New(t.Context(), household(path))
		if err != nil {
			t.Fatal(err)
		}
		running := make(chan error, 1)
		go func() { running <- m.Run(context.Background()) }()
		p, leave := host(t, m)
		defer leave()
		who := p.newPerson(fmt.Sprintf("user%d", i))
		p.must(http.StatusOK, "POST", "/v1/chat?conversation=c", who.key, nil)
		p.must(http.StatusUnauthorized, "POST", "/auth/login", "", map[string]any{"username": who.name, "password": "not " + password})
		p.must(http.StatusUnauthorized, "GET", "/v1/ping", "um_nonsense", nil)
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Fatal(err)
		}
		if err := <-running; err != nil && !errors.Is(err, usermgmt.ErrClosed) {
			t.Fatalf("Run: %v", err)
		}
		if a := p.must(http.StatusServiceUnavailable, "GET", "/v1/ping", who.key, nil); a.header.Get("Retry-After") == "" {
			t.Error("a closed Manager's answer does not say when to come again")
		}
		if _, err := m.Users().Get(t.Context(), who.id); !errors.Is(err, usermgmt.ErrClosed) {
			t.Fatalf("use after Close: %v; want ErrClosed", err)
		}
	}
	round(0)
	goroutines, descriptors, heap := leftovers()
	for i := range form(30, 100) {
		round(i + 1)
	}
	goroutinesNow, descriptorsNow, heapNow := leftovers()
	t.Logf("goroutines %d then %d, descriptors %d then %d, heap %d then %d KiB",
		goroutines, goroutinesNow, descriptors, descriptorsNow, heap>>10, heapNow>>10)
	if goroutinesNow > goroutines+2 || descriptorsNow > descriptors+2 || heapNow > heap+2<<20 {
		t.Error("something is left")
	}
}

// leftovers counts what this process has now.
func leftovers() (goroutines, descriptors int, heap int64) {
	http.DefaultClient.CloseIdleConnections()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what had a finalizer goes with the second
	runtime.ReadMemStats(&m)
	entries, _ := os.ReadDir("/proc/self/fd") // zero where there is none
	return runtime.NumGoroutine(), len(entries), int64(m.HeapAlloc)
}

// Closed in the middle of everything, and with its listener still open, a
// Manager returns in time, and what it acknowledged is there.
func TestCase_RL_10_CloseUnderLoad(t *testing.T) {
	beside(t)
	for i := range form(2, 20) {
		closeUnderLoad(t, i)
	}
}

func closeUnderLoad(t *testing.T, round int) {
	path := databasePath(t)
	cfg := household(path)
	m := openManager(t, cfg)
	p, leave := host(t, m)
	defer leave()
	who := p.newPerson("alice")

	var refused tally
	var mu sync.Mutex
	acknowledged := map[string][]string{} // by the table in which it must stand
	note := func(table, id string) {
		mu.Lock()
		acknowledged[table] = append(acknowledged[table], id)
		mu.Unlock()
	}
	deeds := []func(i int) (answer, error){
		func(i int) (answer, error) {
			a, err := p.request(t.Context(), "POST", "/auth/register", "", registration(fmt.Sprintf("user-%d", i)))
			if err == nil && a.status == http.StatusCreated {
				note("users", a.body["user"].(map[string]any)["id"].(string))
				note("sessions", a.text("session_id"))
			}
			return a, err
		},
		func(int) (answer, error) {
			a, err := p.request(t.Context(), "POST", "/v1/chat?conversation=c", who.key, nil)
			if err == nil && a.status == http.StatusOK {
				note("message_logs", a.text("id"))
			}
			return a, err
		},
		func(i int) (answer, error) {
			a, err := p.request(t.Context(), "POST", "/auth/me/keys", who.token, map[string]any{"name": "another"})
			if err == nil && a.status == http.StatusCreated {
				note("api_keys", a.text("id"))
			}
			return a, err
		},
	}
	var callers sync.WaitGroup
	underWay := make(chan struct{}, 1)
	for i := range 12 {
		deed := deeds[i%len(deeds)]
		callers.Go(func() {
			for n := 0; ; n++ {
				a, err := deed(i*100_000 + n)
				if err != nil || a.status >= 500 {
					refused.add(fmt.Sprint(a.status, " ", a.text("code"), err))
					return
				}
				if n == 5+round {
					select {
					case underWay <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	<-underWay
	began := time.Now()
	err := m.Close()
	took := time.Since(began)
	callers.Wait()
	if err != nil {
		t.Errorf("Close: %v", err)
	}
	if refused.of("503 unavailable<nil>") != 12 {
		t.Errorf("the callers ended with %v; want 503 unavailable", &refused)
	}
	file := openFile(t, path)
	file.whole()
	total := 0
	for table, ids := range acknowledged {
		for _, id := range ids {
			total++
			if file.count("SELECT COUNT(*) FROM "+table+" WHERE id = ?", id) != 1 {
				t.Errorf("%s of %s was acknowledged and is not there", id, table)
			}
		}
	}
	// Close does not wait for handlers: the lease of one that was under way
	// stands open, as after a kill.
	counted := file.count("SELECT COALESCE(SUM(used), 0) FROM usage WHERE meter = 'conversations' AND period = 'day'")
	held := file.count("SELECT COUNT(*) FROM holds WHERE meter = 'conversations'")
	if n := int64(len(acknowledged["message_logs"])); counted+held < n {
		t.Errorf("%d conversations were answered, %d are counted and %d held", n, counted, held)
	}
	t.Logf("Close took %v; %d changes were acknowledged before", took.Round(time.Millisecond), total)
}
