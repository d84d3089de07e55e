package stress_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// settings are what a host process is told.
type settings struct {
	Path  string        // of the database
	Ahead time.Duration // how far the host's clock is ahead of the machine's

	// Cuttable lets /control/feed keep the host from its store.
	Cuttable bool

	// Before is a command line that starts the host, in whose place it runs.
	Before []string

	// Variables are added to the environment, such as
	// "USERMGMT_DAILY_CONVERSATIONS=300": the Config is made by FromEnv.
	Variables []string
}

// settingsVariable carries them to the process as JSON.
const settingsVariable = "STRESS_HOST"

const auditKey = "Qw8nB3kV6xT1zL9mR4hJ7dP2sF5gC0yU3aE6iO8uN1b"

// hostVariables make a host cheap and unhurried. Its secrets are given, so that
// all hosts on a file have the same.
var hostVariables = []string{
	"USERMGMT_BCRYPT_COST=4",
	"USERMGMT_RATE_LIMIT=1000000/s,burst=1000000",
	"USERMGMT_IP_RATE_LIMIT=1000000/s,burst=1000000",
	"USERMGMT_LOGIN_RATE_LIMIT=1000000/s,burst=1000000",
	"USERMGMT_DAILY_CONVERSATIONS=-1",
	"USERMGMT_LOG_LEVEL=warn",
	"USERMGMT_SECRET_KEYS=jX0d4mQ9vT2rY7bK1sW6pZ3nH8cL5gF0uE4xA9iR2oM",
	"USERMGMT_ENCRYPTION_KEYS=3q2-796tvu_erb7v3q2-796tvu_erb7v3q2-796tvu8=",
	"USERMGMT_AUDIT_KEYS=" + auditKey,
}

// runHost is the host: a service built on usermgmt, like any other. It says on
// standard output where it listens, ends cleanly at SIGTERM, and at once when
// whoever started it is gone.
func runHost() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	var s settings
	if err := json.Unmarshal([]byte(os.Getenv(settingsVariable)), &s); err != nil {
		return err
	}
	cfg, err := usermgmt.FromEnv()
	if err != nil {
		return err
	}
	cfg.Scopes, cfg.DefaultScopes = []string{"chat"}, []string{"chat"}
	cfg.Clock = func() time.Time { return time.Now().Add(s.Ahead) }
	cfg.DatabaseURL = "sqlite:" + s.Path
	var feed feedSwitch
	if s.Cuttable {
		opened, err := sqlite.Open(ctx, s.Path, nil)
		if err != nil {
			return err
		}
		defer opened.Close()
		cfg.Store = cuttable{opened, &feed}
	}
	mgr, err := usermgmt.New(ctx, cfg)
	if err != nil {
		return err
	}
	err = serve(ctx, routes(mgr, &feed), mgr, cfg.Logger)
	return errors.Join(err, mgr.Close())
}

// routes are what the host offers.
func routes(mgr *usermgmt.Manager, feed *feedSwitch) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("/service/", mgr.ServiceRouter("/service"))
	mux.Handle("/health", mgr.HealthHandler())
	mux.Handle("/health/", mgr.HealthHandler())
	mux.Handle("/openapi.json", mgr.OpenAPIHandler())
	mux.Handle("POST /v1/chat", mgr.Protect(usermgmt.Scope("chat"), usermgmt.Conversation())(chat{mgr}))
	mux.Handle("GET /v1/ping", mgr.Protect()(http.HandlerFunc(pong)))
	mux.Handle("GET /v1/scoped", mgr.Protect(usermgmt.Scope("chat"))(http.HandlerFunc(pong)))
	mux.Handle("POST /control/feed", feed)
	mux.Handle("POST /control/credits/{deed}", credits{mgr})
	mux.Handle("POST /control/{deed}", control{mgr})
	return mgr.Wrap(mux)
}

// serve answers until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, handler http.Handler, mgr *usermgmt.Manager, logger *slog.Logger) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = mgr.Run(context.Background()) }() // Close ends it
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	fmt.Println("http://" + listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if srv.Shutdown(drain) != nil {
		return srv.Close() // somebody connected and asks nothing
	}
	return nil
}

func pong(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }

// chat is the host's own handler. It appends a durable message with the id and
// conversation of the query, and answers with its place; unless the query's
// "way" asks it to fail, panic, abort, dawdle, or do nothing.
type chat struct{ mgr *usermgmt.Manager }

func (c chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch query.Get("way") {
	case "nothing":
		pong(w, r)
		return
	case "fail":
		http.Error(w, "the model is not there", http.StatusBadGateway)
		return
	case "panic":
		panic("a fault of the host's own")
	case "abort":
		panic(http.ErrAbortHandler)
	case "dawdle":
		pause, _ := time.ParseDuration(query.Get("for"))
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
		pong(w, r)
		return
	}
	p, _ := usermgmt.FromContext(r.Context())
	turns := json.RawMessage(`[{"role":"user","content":"hello"}]`)
	m, err := c.mgr.Messages().Append(r.Context(), usermgmt.Message{
		ID: query.Get("id"), ConversationID: query.Get("conversation"),
		UserID: p.Subject, Username: p.Username, Request: turns, Response: turns,
	})
	if err != nil {
		usermgmt.WriteError(w, r, err)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": m.ID, "seq": m.Seq})
}
