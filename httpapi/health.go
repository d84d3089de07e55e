package httpapi

import (
	"context"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// checkTimeout is how long one check may take before it counts as failed.
const checkTimeout = 2 * time.Second

// HealthCheck asks one thing the service depends on whether it works.
type HealthCheck struct {
	Name string // such as "database"

	// Run returns nil when the thing works. Its context ends after two seconds.
	Run func(ctx context.Context) error

	// Optional says that the service goes on without the thing: a failure is
	// "degraded" then, not "down".
	Optional bool
}

// The words of a health status.
const (
	healthOK       = "ok"
	healthDegraded = "degraded"
	healthDown     = "down"
)

// health is the whole answer; others than operators see its status alone.
type health struct {
	Status        string                 `json:"status"`
	Version       string                 `json:"version,omitempty"`
	UptimeSeconds *int64                 `json:"uptime_seconds,omitempty"`
	Checks        map[string]checkResult `json:"checks,omitempty"`
}

type checkResult struct {
	Status    string `json:"status"`
	LatencyMS int64  `json:"latency_ms"`
}

// Health serves three paths, told apart by their end: /health with the state of
// every check, /health/ready, which is the same without details, and
// /health/live, which answers as long as the process does. The first two are
// 503 when a check that the service needs has failed. Version, uptime and checks
// are shown to loopback and to the addresses that Config.OpsAllowed admits.
func (a *API) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reading(w, r) {
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		switch path.Base(r.URL.Path) {
		case "live":
			writeJSON(w, http.StatusOK, health{Status: healthOK})
		case "ready":
			a.writeHealth(w, health{Status: a.check(r.Context()).Status})
		case "health":
			h := a.check(r.Context())
			if !a.seesDetails(r) {
				h = health{Status: h.Status}
			}
			a.writeHealth(w, h)
		default:
			problem.Write(w, r, store.Errorf(store.ErrNotFound, "There is nothing at this path."))
		}
	})
}

func (a *API) writeHealth(w http.ResponseWriter, h health) {
	status := http.StatusOK
	if h.Status == healthDown {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, h)
}

// seesDetails reports whether the caller may see what is behind the status.
func (a *API) seesDetails(r *http.Request) bool {
	addr := middleware.ClientAddr(r)
	return addr.IsLoopback() || (a.cfg.OpsAllowed != nil && a.cfg.OpsAllowed(addr))
}

// check runs all checks at once.
func (a *API) check(ctx context.Context) health {
	results := make([]checkResult, len(a.cfg.Health))
	var running sync.WaitGroup
	for i, c := range a.cfg.Health {
		running.Go(func() { results[i] = a.runCheck(ctx, c) })
	}
	running.Wait()

	uptime := int64(a.cfg.Clock().Sub(a.started).Seconds())
	h := health{Status: healthOK, Version: a.cfg.Version, UptimeSeconds: &uptime, Checks: map[string]checkResult{}}
	for i, c := range a.cfg.Health {
		h.Checks[c.Name] = results[i]
		h.Status = worse(h.Status, results[i].Status)
	}
	return h
}

// runCheck runs one check. Why it failed is logged and not shown.
func (a *API) runCheck(ctx context.Context, c HealthCheck) checkResult {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	began := a.cfg.Clock()
	err := c.Run(ctx)
	result := checkResult{Status: healthOK, LatencyMS: a.cfg.Clock().Sub(began).Milliseconds()}
	if err != nil {
		result.Status = healthDown
		if c.Optional {
			result.Status = healthDegraded
		}
		a.cfg.Logger.WarnContext(ctx, "a health check failed", "check", c.Name, "error", err)
	}
	return result
}

// worse returns the worse of two states.
func worse(a, b string) string {
	for _, state := range []string{healthDown, healthDegraded} {
		if a == state || b == state {
			return state
		}
	}
	return healthOK
}
