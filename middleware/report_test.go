package middleware_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

func TestReportsFromManyGoroutinesAddUp(t *testing.T) {
	t.Parallel()
	var l ledger
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { middleware.ReportUsage(r.Context(), "conversations", 2) })
		}
		wg.Wait()
	})
	serve(chain(h, authenticate(), l.meter("")), as("alice"))
	l.want(t, "reserve conversations 3", "settle res_conversations 200 complete")
}

func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	var l ledger
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		middleware.ReportUsage(r.Context(), "conversations", -5)
		middleware.ReportUsage(r.Context(), "tokens", store.MaxAmount)
		middleware.ReportUsage(r.Context(), "tokens", 1<<62)
	})
	serve(chain(h, authenticate(), l.meter("")), as("alice"))
	l.want(t, "reserve conversations 3", "settle res_conversations 0 complete", "count tokens 9007199254740991")
}

func TestReportsOfARequestThatIsNotCharged(t *testing.T) {
	t.Parallel()
	var l ledger
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.ReportUsage(r.Context(), "tokens", 7)
		w.WriteHeader(http.StatusBadGateway)
	})
	serve(chain(h, authenticate(), l.meter("")), as("alice"))
	l.want(t, "reserve conversations 3", "release res_conversations")
}

func TestReportsAfterTheRequestAreLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var l ledger
	var late context.Context
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { late = r.Context() })
	serve(chain(h, authenticate(), middleware.Meter(middleware.MeterConfig{Meterer: &l, Logger: jsonLogger(&out)})), as("alice"))
	middleware.ReportUsage(late, "tokens", 7)
	l.want(t, "reserve conversations 1", "settle res_conversations 1 complete")
	if !strings.Contains(out.String(), "tokens") {
		t.Errorf("log = %q", &out)
	}
}

func TestReportWithoutMeterIsNothing(t *testing.T) {
	t.Parallel()
	middleware.ReportUsage(t.Context(), "tokens", 7)
}

func TestCountUsage(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.ReportUsage(r.Context(), "tokens", 7)
		middleware.ReportUsage(r.Context(), "images", 0)
		w.WriteHeader(http.StatusBadGateway)
	})
	for credential, want := range map[string][]string{"alice": {"count tokens 7"}, "root": nil, "": nil} {
		t.Run(credential, func(t *testing.T) {
			t.Parallel()
			var l ledger
			count := middleware.CountUsage(middleware.MeterConfig{Meterer: &l})
			serve(chain(h, authenticate(), count, count), as(credential))
			l.want(t, want...)
		})
	}
}

func TestCountThatFailsIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := ledger{fail: "count"}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { middleware.ReportUsage(r.Context(), "undeclared", 7) })
	serve(chain(h, authenticate(), middleware.CountUsage(middleware.MeterConfig{Meterer: &l, Logger: jsonLogger(&out)})), as("alice"))
	if !strings.Contains(out.String(), "undeclared") {
		t.Errorf("log = %q", &out)
	}
}
