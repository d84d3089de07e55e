package stress_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
)

// behindProxy makes hosts believe X-Forwarded-For, so that a flood can come from
// as many addresses as it likes.
const behindProxy = "USERMGMT_TRUSTED_PROXIES=127.0.0.0/8"

// anyAddress is an address in a /64 that was never seen before.
func anyAddress() string {
	n := rand.Uint64()
	return fmt.Sprintf("2001:%x:%x:%x::1", n>>48, n>>32&0xffff, n>>16&0xffff)
}

// pipe sends requests over a connection without waiting for their answers, and
// counts these by status. In flight are as many as fit into the window.
func (p *process) pipe(t *testing.T, requests int, window int, counts *tally, write func(io.Writer)) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	slots := make(chan struct{}, window)
	go func() {
		out := bufio.NewWriterSize(conn, 64<<10)
		for range requests {
			select {
			case slots <- struct{}{}:
			default:
				_ = out.Flush() // or the answers that make room would never come
				slots <- struct{}{}
			}
			write(out)
		}
		_ = out.Flush()
	}()
	in := bufio.NewReaderSize(conn, 64<<10)
	for i := range requests {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("after %d answers: %v", i, err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		counts.add(strconv.Itoa(res.StatusCode))
		<-slots
	}
}

// get and post write requests as a proxy passes them on.
func get(w io.Writer, path, field string) {
	fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: %s\r\n%s\r\n", path, anyAddress(), field)
}

func post(w io.Writer, path, body string) {
	fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, anyAddress(), len(body), body)
}

// from asks as somebody else than a flood does, over the same proxy.
func (p *process) from(ctx context.Context, address, path, key string) (int, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+path, nil)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("X-Forwarded-For", address)
	r.Header.Set("X-API-Key", key)
	began := time.Now()
	res, err := p.client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, time.Since(began), err
}

// honest asks with a cached key until ctx ends, and is never refused. No address
// comes so often that it meets a limit of 100.
func (p *process) honest(ctx context.Context, t *testing.T, key string, took *figures) {
	network := rand.Uint32()
	for i := 0; ctx.Err() == nil; i++ {
		address := fmt.Sprintf("2002:%x:%x:%x::1", network>>16, network&0xffff, i/50)
		status, d, err := p.from(context.WithoutCancel(ctx), address, "/v1/ping", key)
		if err != nil || status != http.StatusOK {
			t.Errorf("the honest caller was answered %d, %v", status, err)
		}
		took.add(d)
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Floods of keys, tokens, addresses, sign-in names, refresh tokens and refused
// registrations, each of them never seen before and from an address of its own:
// what the host keeps of them is bounded, others are served, and a limit that
// somebody has used up stays used up.
func TestCase_IP_05_RP_09_S2_Floods(t *testing.T) {
	beside(t)
	const (
		limit   = 100 // a minute from one address
		mayGrow = 64 * mebibyte
	)
	p := start(t, settings{Path: databasePath(t), Variables: []string{
		behindProxy, "USERMGMT_IP_RATE_LIMIT=100/m,burst=100", "USERMGMT_LOGIN_RATE_LIMIT=100/m,burst=100",
		"USERMGMT_LOG_LEVEL=error", // the log of every refusal is the test's to keep
	}})
	who := p.newPerson("alice")
	stem := who.token[:strings.LastIndex(who.token, ".")+1]
	many := lighter(form(5_000, 2_400_000))
	floods := []struct {
		name     string
		requests int
		write    func(io.Writer)
	}{
		{"Keys", many, func(w io.Writer) {
			get(w, "/v1/ping", "X-API-Key: "+authn.GenerateAPIKey("um_").Reveal()+"\r\n")
		}},
		{"MalformedKeys", many, func(w io.Writer) { get(w, "/v1/ping", fmt.Sprintf("X-API-Key: um_%x\r\n", rand.Uint64())) }},
		{"Tokens", many, func(w io.Writer) {
			get(w, "/v1/ping", fmt.Sprintf("Authorization: Bearer %s%086d\r\n", stem, rand.Uint64()))
		}},
		{"Addresses", many, func(w io.Writer) { get(w, "/v1/ping", "") }},
		{"RefreshTokens", lighter(form(2_000, 200_000)), func(w io.Writer) {
			post(w, "/auth/refresh", fmt.Sprintf(`{"refresh_token":"rt_%043d"}`, rand.Uint64()))
		}},
		{"Registrations", lighter(form(2_000, 200_000)), func(w io.Writer) {
			post(w, "/auth/register", fmt.Sprintf(`{"username":"u%d","email":"u%[1]d@example.com","password":"password"}`, rand.Uint64()))
		}},
		{"Names", lighter(form(300, 60_000)), func(w io.Writer) {
			post(w, "/auth/login", fmt.Sprintf(`{"username":"u%d","password":"wrong wrong wrong"}`, rand.Uint64()))
		}},
	}
	var before, during figures
	calm, end := context.WithTimeout(t.Context(), time.Second)
	p.honest(calm, t, who.key, &before)
	end()

	// Somebody has used up his address's limit. It fills by one in 600 ms.
	const used = "198.51.100.77"
	began := time.Now()
	askAll := func() (admitted int) {
		for range 2 * limit {
			if status, _, err := p.from(t.Context(), used, "/v1/ping", who.key); err != nil {
				t.Fatal(err)
			} else if status == http.StatusOK {
				admitted++
			}
		}
		return admitted
	}
	admitted := askAll()

	flooding, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() { p.honest(flooding, t, who.key, &during) })
	atFirst, _ := p.memory()
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			var counts tally
			p.growth(t, mayGrow, func() {
				const connections = 8
				var pipes sync.WaitGroup
				for range connections {
					pipes.Go(func() { p.pipe(t, flood.requests/connections, 64, &counts, flood.write) })
				}
				pipes.Wait()
			})
			t.Log(&counts)
			for _, status := range []string{"200", "201", "429", "500"} {
				if n := counts.of(status); n > 0 {
					t.Errorf("%d answers were %s", n, status)
				}
			}
		})
	}
	stop()
	others.Wait()
	if inTheEnd, _ := p.memory(); inTheEnd-atFirst >= mayGrow && !raced {
		t.Errorf("all floods together took %.1f MiB", mib(inTheEnd-atFirst))
	}
	admitted += askAll()
	filled := int(time.Since(began) / (600 * time.Millisecond))
	if admitted < limit || admitted > 2*limit+filled {
		t.Errorf("an address was admitted %d times in %v; want %d and what has filled (%d), or one burst more", admitted, time.Since(began), limit, filled)
	}
	t.Logf("the honest caller: before %v; during %v; at a limit of %d: %d admitted, %d had filled", &before, &during, limit, admitted, filled)
}

// Guesses for a thousand accounts from one address meet the address's limit.
func TestCase_LK_05_Spraying(t *testing.T) {
	beside(t)
	const burst = 30
	p := start(t, settings{Path: databasePath(t), Variables: []string{behindProxy, "USERMGMT_LOGIN_RATE_LIMIT=30/m,burst=30"}})
	began := time.Now()
	var compared, refused atomic.Int64
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range 250 {
				body := map[string]any{"username": fmt.Sprintf("account%d-%d", caller, i), "password": "Spring2026!"}
				a, err := p.request(t.Context(), "POST", "/auth/login", "", body)
				switch {
				case err == nil && a.status == http.StatusUnauthorized:
					compared.Add(1)
				case err == nil && a.status == http.StatusTooManyRequests && a.text("code") == "rate_limited" && a.header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("a guess: %d %v %v", a.status, a.body, err)
				}
			}
		})
	}
	callers.Wait()
	filled := int64(time.Since(began)/(2*time.Second)) + 1
	if n := compared.Load(); n < burst || n > burst+filled {
		t.Errorf("%d of 1,000 guesses were compared; the limit is %d and %d a minute", n, burst, burst)
	}
	t.Logf("%d compared, %d refused in %v", compared.Load(), refused.Load(), time.Since(began))
}

// Passwords that are too long, up to a mebibyte, are refused for their length,
// whatever route they come to.
func TestCase_PW_09_LongPasswords(t *testing.T) {
	beside(t)
	p := start(t, settings{Path: databasePath(t)})
	who := p.newPerson("alice")
	for _, size := range []int{2_000, mebibyte} {
		secret := strings.Repeat("p", size)
		requests := []struct {
			path, credential string
			body             map[string]any
		}{
			{"/auth/register", "", map[string]any{"username": "bob", "email": "bob@example.com", "password": secret}},
			{"/auth/login", "", map[string]any{"username": "alice", "password": secret}},
			{"/auth/me/password", who.token, map[string]any{"current_password": secret, "new_password": secret}},
		}
		var took figures
		var counts tally
		p.growth(t, 50*mebibyte, func() {
			var callers sync.WaitGroup
			for i := range lighter(100) {
				callers.Go(func() {
					r := requests[i%len(requests)]
					began := time.Now()
					a, err := p.request(t.Context(), "POST", r.path, r.credential, r.body)
					took.add(time.Since(began))
					counts.add(fmt.Sprint(r.path, " ", a.status))
					wrong := r.path == "/auth/login" && size < mebibyte && // as any other wrong password, then locked
						(a.status == http.StatusUnauthorized || a.status == http.StatusTooManyRequests)
					if err == nil && a.status != http.StatusRequestEntityTooLarge && a.status != http.StatusUnprocessableEntity && !wrong {
						t.Errorf("%s with %d bytes: %d %v", r.path, size, a.status, a.body)
					}
				})
			}
			callers.Wait()
		})
		t.Logf("%d bytes: %v; %v", size, &took, &counts)
	}
}

// More wrong passwords at once than can be hashed: memory is bounded by how many
// are hashed at a time, those too many are told when to come again, and whoever
// needs no hash is answered.
func TestCase_PW_12_AFloodOfSignIns(t *testing.T) {
	beside(t)
	p := start(t, settings{Path: databasePath(t), Variables: []string{behindProxy, "USERMGMT_PASSWORD_HASH=argon2id"}})
	who := p.newPerson("alice")
	p.must(http.StatusOK, "GET", "/v1/ping", who.key, nil)
	hashing := int64(max(2, runtime.NumCPU())) // at once; see authn.PasswordConfig
	var counts tally
	var others, health figures
	flooding, stop := context.WithCancel(t.Context())
	var honest sync.WaitGroup
	honest.Go(func() { p.honest(flooding, t, who.key, &others) })
	honest.Go(func() {
		for flooding.Err() == nil {
			status, took, err := p.from(t.Context(), "198.51.100.1", "/health", "")
			if err != nil || status != http.StatusOK {
				t.Errorf("/health: %d %v", status, err)
			}
			health.add(took)
		}
	})
	p.growth(t, hashing*64*mebibyte+200*mebibyte, func() {
		var callers sync.WaitGroup
		for i := range lighter(form(150, 2_000)) {
			callers.Go(func() {
				a, err := p.request(t.Context(), "POST", "/auth/login", "", map[string]any{"username": fmt.Sprint("user", i), "password": "wrong wrong wrong"})
				switch {
				case err != nil:
					t.Error(err)
				case a.status == http.StatusUnauthorized:
				case (a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests) && a.header.Get("Retry-After") != "":
				default:
					t.Errorf("a sign-in: %d %v", a.status, a.body)
				}
				counts.add(fmt.Sprint(a.status, " ", a.text("code")))
			})
		}
		callers.Wait()
	})
	stop()
	honest.Wait()
	t.Logf("%v; a cached key: %v; /health: %v", &counts, &others, &health)
}
