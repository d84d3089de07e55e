package usermgmt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// temporary makes a Manager in a folder of its own, as an example needs one. A
// service calls New with what FromEnv read.
func temporary(cfg usermgmt.Config) (mgr *usermgmt.Manager, remove func()) {
	dir, err := os.MkdirTemp("", "usermgmt")
	if err != nil {
		log.Fatal(err)
	}
	cfg.DatabaseURL = "sqlite:" + filepath.Join(dir, "usermgmt.db")
	cfg.BcryptCost = 4
	mgr, err = usermgmt.New(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	return mgr, func() {
		if err := errors.Join(mgr.Close(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}

// A handler behind Protect knows its caller, and each request counts as one
// conversation of the caller's plan.
func ExampleManager_Protect() {
	mgr, remove := temporary(usermgmt.Config{DailyConversations: new(int64(2))})
	defer remove()

	mux := http.NewServeMux()
	mux.Handle("/auth/", mgr.UserRouter("/auth"))
	mux.Handle("GET /hello", mgr.Protect(usermgmt.Conversation())(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			caller, _ := usermgmt.FromContext(r.Context())
			fmt.Fprintf(w, "hello, %s", caller.Username)
		})))
	handler := mgr.Wrap(mux)

	register := httptest.NewRequest("POST", "/auth/register",
		strings.NewReader(`{"username":"alice","email":"alice@example.com","password":"a quiet test phrase"}`))
	register.Header.Set("Content-Type", "application/json")
	registered := httptest.NewRecorder()
	handler.ServeHTTP(registered, register)
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(registered.Body.Bytes(), &session); err != nil {
		log.Fatal(err)
	}

	for range 3 {
		r := httptest.NewRequest("GET", "/hello", nil)
		r.Header.Set("Authorization", "Bearer "+session.AccessToken)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			fmt.Println(w.Body)
			continue
		}
		var problem struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
			log.Fatal(err)
		}
		fmt.Println(w.Code, problem.Code)
	}
	// Output:
	// hello, alice
	// hello, alice
	// 429 quota_exceeded
}

// What the routers do over HTTP, a host does in Go. Errors are told apart by
// their category.
func ExampleManager_Users() {
	mgr, remove := temporary(usermgmt.Config{})
	defer remove()
	ctx := context.Background()

	_, _, err := mgr.Users().Register(ctx, usermgmt.Registration{
		Username: "alice",
		Email:    "alice@example.com",
		Password: "a quiet test phrase",
	}, usermgmt.Origin{})
	fmt.Println(err)

	_, _, err = mgr.Users().Register(ctx, usermgmt.Registration{
		Username: "Alice",
		Email:    "another@example.com",
		Password: "a quiet test phrase",
	}, usermgmt.Origin{})
	fmt.Println(errors.Is(err, usermgmt.ErrUsernameTaken))

	_, _, err = mgr.Users().Register(ctx, usermgmt.Registration{
		Username: "bob",
		Email:    "bob@example.com",
		Password: "password123",
	}, usermgmt.Origin{})
	fmt.Println(errors.Is(err, usermgmt.ErrWeakPassword))
	// Output:
	// <nil>
	// true
	// true
}

// A request reports what it really used. Meters of the host's own are counted
// when the handler has returned.
func ExampleReportUsage() {
	mgr, remove := temporary(usermgmt.Config{Meters: []usermgmt.Meter{{Name: "tokens"}}})
	defer remove()
	ctx := context.Background()

	handler := mgr.Wrap(mgr.Protect(usermgmt.Conversation())(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			usermgmt.ReportUsage(r.Context(), "tokens", 42)
		})))

	user, grant, err := mgr.Users().Register(ctx, usermgmt.Registration{
		Username: "alice", Email: "alice@example.com", Password: "a quiet test phrase",
	}, usermgmt.Origin{})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+grant.AccessToken.Reveal())
	handler.ServeHTTP(httptest.NewRecorder(), r)

	used, err := mgr.Metering().Usage(ctx, usermgmt.PrincipalOf(user))
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range used.Counters {
		fmt.Println(c.Meter, c.Used)
	}
	// Output:
	// conversations 1
	// tokens 42
}
