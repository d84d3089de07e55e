// Minimal is the smallest host: accounts under /auth, and one handler of its own
// that is authenticated, rate-limited and counted against the user's plan.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/usermgmt/usermgmt"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	cfg, err := usermgmt.FromEnv() // the environment, then .env, then defaults
	if err != nil {
		return err
	}
	mgr, err := usermgmt.New(ctx, cfg) // usermgmt.Config{} works too: SQLite in ./usermgmt.db
	if err != nil {
		return err
	}
	defer mgr.Close()

	protect := mgr.Protect(usermgmt.Conversation()) // authenticate, limit, count
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("POST /v1/hello", protect(http.HandlerFunc(hello)))

	go mgr.Run(ctx)

	srv := &http.Server{Addr: cmp.Or(cfg.Listen, ":8080"), Handler: mgr.Wrap(mux), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Shutdown(context.Background())
	}()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func hello(w http.ResponseWriter, r *http.Request) {
	caller, _ := usermgmt.FromContext(r.Context())
	fmt.Fprintf(w, "hello, %s\n", caller.Username)
}
