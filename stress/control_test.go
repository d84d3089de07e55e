package stress_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
)

// control does what only the Go API offers, for the user, session or key that
// the query names.
type control struct{ mgr *usermgmt.Manager }

func (c control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, query, system := r.Context(), r.URL.Query(), usermgmt.System()
	user := query.Get("user")
	var err error
	switch r.PathValue("deed") {
	case "suspend":
		err = c.mgr.Users().Suspend(ctx, system, user, "a test", time.Time{})
	case "reactivate":
		err = c.mgr.Users().Reactivate(ctx, system, user, "a test")
	case "delete":
		err = c.mgr.Users().Delete(ctx, system, user, "a test")
	case "revoke-key":
		err = c.mgr.Keys().Revoke(ctx, system, user, query.Get("key"), "")
	case "revoke-session":
		err = c.mgr.Sessions().Revoke(ctx, system, user, query.Get("session"))
	case "revoke-sessions":
		_, err = c.mgr.Sessions().RevokeAll(ctx, system, user, query.Get("except"), "")
	case "check-audit":
		err = c.checkAudit(ctx, w)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		usermgmt.WriteError(w, r, err)
	}
}

// checkAudit answers how many events the trail has, and how many of them are not
// as they were written.
func (c control) checkAudit(ctx context.Context, w http.ResponseWriter) error {
	events, forged := 0, 0
	for after := (store.Position{}); ; {
		page, err := c.mgr.Audit().List(ctx, store.AuditFilter{}, store.Page{Limit: store.MaxLimit, After: after})
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			events++
			if !c.mgr.Audit().Check(e) {
				forged++
			}
		}
		if after = page.Next; after.IsZero() {
			return json.NewEncoder(w).Encode(map[string]int{"events": events, "forged": forged})
		}
	}
}

// feedSwitch says what a cuttable store does not answer: nothing fails while it
// is "mended", the change feed is an error while it is "cut" and never answers
// while it is "hanging", and while it is "dark" credentials cannot be looked up
// either.
type feedSwitch struct{ state atomic.Value }

func (s *feedSwitch) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s.state.Store(r.URL.Query().Get("state"))
}

// cuttable is a store that can be kept from this process while the others have
// it.
type cuttable struct {
	store.Store
	feed *feedSwitch
}

var errCut = store.Unavailable(errors.New("the store is cut off"))

func (c cuttable) FeedAfter(ctx context.Context, id int64, limit int) ([]store.FeedRow, error) {
	switch c.feed.state.Load() {
	case "cut", "dark":
		return nil, errCut
	case "hanging":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c.Store.FeedAfter(ctx, id, limit)
}

func (c cuttable) APIKeyWithUser(ctx context.Context, hash [32]byte) (store.APIKey, store.User, error) {
	if c.feed.state.Load() == "dark" {
		return store.APIKey{}, store.User{}, errCut
	}
	return c.Store.APIKeyWithUser(ctx, hash)
}

func (c cuttable) SessionWithUser(ctx context.Context, id string) (store.Session, store.User, error) {
	if c.feed.state.Load() == "dark" {
		return store.Session{}, store.User{}, errCut
	}
	return c.Store.SessionWithUser(ctx, id)
}
