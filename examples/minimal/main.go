// Minimal is the smallest host: accounts under /auth, and one handler of its own
// that is authenticated, rate-limited and counted against the user's plan.
package main

import (
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

func run() (err error) {
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
	defer func() { err = errors.Join(err, mgr.Close()) }()

	protect := mgr.Protect(usermgmt.Conversation()) // authenticate, limit, count
	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("POST /v1/hello", protect(http.HandlerFunc(hello)))

	go mgr.Run(ctx)

	srv := &http.Server{Addr: cfg.Listen, Handler: mgr.Wrap(mux), ReadHeaderTimeout: 5 * time.Second}
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drained <- srv.Shutdown(context.Background()) // first the requests, then the Manager
	}()
	log.Println("listening on", cfg.Listen)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-drained
}

func hello(w http.ResponseWriter, r *http.Request) {
	caller, _ := usermgmt.FromContext(r.Context())
	fmt.Fprintf(w, "hello, %s\n", caller.Username)
}
