// Server is the bundled server: everything of usermgmt over HTTP, and a chat
// endpoint that stands in for the host's own handler. It is configured by the
// environment; see .env.example.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/usermgmt/usermgmt"
)

// drainFor is how long requests under way may still take after a signal. With
// Config.CloseTimeout after it, the server ends within ten seconds.
const drainFor = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg, err := usermgmt.FromEnv()
	if err != nil {
		return err
	}
	cfg.CloseTimeout = drainFor
	cfg.Scopes = []string{"chat"}
	cfg.DefaultScopes = []string{"chat"}
	cfg.Meters = []usermgmt.Meter{{Name: "tokens"}}
	mgr, err := usermgmt.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mgr.Close()) }()

	if err := firstAdmin(ctx, mgr); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen; set USERMGMT_LISTEN to a free host:port: %w", err)
	}
	cfg.Logger.Info("listening", "address", listener.Addr().String())
	return serve(ctx, mgr, listener, cfg.Logger)
}

// firstAdmin makes the first admin, and shows the password that was made up for
// him once: on standard output, not in the log.
func firstAdmin(ctx context.Context, mgr *usermgmt.Manager) error {
	first, err := mgr.EnsureFirstAdmin(ctx)
	if err == nil && first.Password != "" {
		_, err = fmt.Printf("The first admin is %s with the password %s (shown this once).\n", first.Admin.Username, first.Password.Reveal())
	}
	return err
}

func routes(mgr *usermgmt.Manager) http.Handler {
	protect := mgr.Protect(usermgmt.Scope("chat"), usermgmt.Conversation())
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("/admin/", mgr.AdminRouter("/admin"))
	mux.Handle("/staff/", mgr.StaffRouter("/staff"))
	mux.Handle("/service/", mgr.ServiceRouter("/service"))
	mux.Handle("/health", mgr.HealthHandler())
	mux.Handle("/health/", mgr.HealthHandler())
	mux.Handle("/.well-known/jwks.json", mgr.JWKSHandler())
	mux.Handle("/openapi.json", mgr.OpenAPIHandler())
	mux.Handle("POST /v1/chat", protect(chat{mgr}))
	return mgr.Wrap(mux)
}

// serve answers until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, mgr *usermgmt.Manager, listener net.Listener, logger *slog.Logger) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { _ = mgr.Run(background) }()

	srv := &http.Server{
		Handler:           routes(mgr),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logger.Info("draining")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	err := srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.Warn("requests that are still under way are cut off", "after", drainFor)
		err = srv.Close()
	}
	return err
}
