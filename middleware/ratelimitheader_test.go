package middleware_test

import (
	"context"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// counted is a Meterer that answers with fixed counters.
type counted struct {
	ledger
	counters []store.CounterState
}

func (c *counted) Reserve(context.Context, authn.Principal, string, int64, time.Duration) (store.Reservation, []store.CounterState, error) {
	return store.Reservation{ID: "res_1", Amount: 1}, c.counters, nil
}

func TestQuotaHeadersShowWhatIsLeft(t *testing.T) {
	t.Parallel()
	state := func(meter string, w store.Window, limit, used int64) store.CounterState {
		c := store.CounterState{Used: used}
		c.Meter, c.Window, c.Limit = meter, w, limit
		if w != "" {
			c.Start, c.End = noon, noon.Add(24*time.Hour)
		}
		return c
	}
	tests := []struct {
		name          string
		counters      []store.CounterState
		policy, limit string
	}{
		{"none", nil, "", ""},
		{"unlimited", []store.CounterState{state("conversations", store.Day, store.Unlimited, 5)}, "", ""},
		{"the key's limit is tighter", []store.CounterState{state("conversations", store.Day, 100, 5), state("conversations", store.Day, 10, 5)},
			`"conversations-day";q=10;w=86400`, `"conversations-day";r=5;t=86400`},
		{"the user's limit is tighter", []store.CounterState{state("conversations", store.Day, 7, 5), state("conversations", store.Day, 10, 5)},
			`"conversations-day";q=7;w=86400`, `"conversations-day";r=2;t=86400`},
		{"two windows", []store.CounterState{state("conversations", store.Day, 10, 5), state("conversations", store.Week, 20, 25)},
			`"conversations-day";q=10;w=86400, "conversations-week";q=20;w=604800`, `"conversations-day";r=5;t=86400, "conversations-week";r=0;t=86400`},
		{"no window", []store.CounterState{state("credits", "", 1000, 400)}, `"credits";q=1000`, `"credits";r=600`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &counted{counters: tt.counters}
			w := serve(chain(&handler{}, authenticate(),
				middleware.Meter(middleware.MeterConfig{Meterer: m, Clock: atNoon})), as("alice"))
			if got := w.Header().Get("RateLimit-Policy"); got != tt.policy {
				t.Errorf("RateLimit-Policy = %s, want %s", got, tt.policy)
			}
			if got := w.Header().Get("RateLimit"); got != tt.limit {
				t.Errorf("RateLimit = %s, want %s", got, tt.limit)
			}
		})
	}
}
