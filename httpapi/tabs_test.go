package httpapi_test

import (
	"sync"
	"testing"
	"time"
)

// TestCase_S3_TabsThatRefreshAtOnce lets ten tabs of one browser refresh with the
// same token: all get the same successor and none is signed out. A replay after
// the grace ends that session and leaves the user's other one alone.
func TestCase_S3_TabsThatRefreshAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	alice := w.register("alice")
	elsewhere := w.login("alice")
	refresh := func(token string) answer {
		return w.call("POST", "/auth/refresh", "", `{"refresh_token":"`+token+`"}`)
	}
	var tabs [10]answer
	var group sync.WaitGroup
	for i := range tabs {
		group.Go(func() { tabs[i] = refresh(alice.refresh) })
	}
	group.Wait()
	successor := tabs[0].want(200, "").text("refresh_token")
	for i, tab := range tabs {
		if got := personOf(tab.want(200, "")); got.refresh != successor || got.session != alice.session {
			t.Errorf("tab %d has another successor or session", i)
		} else {
			w.call("GET", "/auth/me", got.access, "").want(200, "")
		}
	}
	next := personOf(refresh(successor).want(200, ""))
	w.advance(11 * time.Second)
	refresh(alice.refresh).want(401, "invalid_token")
	refresh(next.refresh).want(401, "invalid_token")
	w.call("GET", "/auth/me", next.access, "").want(401, "invalid_token")
	w.call("GET", "/auth/me", elsewhere.access, "").want(200, "")
	refresh(elsewhere.refresh).want(200, "")
}
