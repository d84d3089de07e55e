// Package usermgmt gives a service everything between "a request arrives" and
// "my handler runs": accounts, sign-in and sessions, API keys, limits that are
// exact under load, rate and address limits, conversation logs and an audit
// trail. It is a library: SQLite is inside, and nothing else has to run.
//
//	mgr, err := usermgmt.New(ctx, usermgmt.Config{})
//	if err != nil { ... }
//	defer mgr.Close()
//
//	mux := http.NewServeMux()
//	mux.Handle("/auth/", mgr.UserRouter("/auth"))
//	mux.Handle("POST /v1/chat", mgr.Protect(usermgmt.Conversation())(chat))
//	go mgr.Run(ctx)
//	http.ListenAndServe(":8080", mgr.Wrap(mux))
//
// Inside a protected handler, FromContext gives the caller.
package usermgmt
