package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// exchange is what the middleware of one request know about it together. It
// is its own context, so that it costs one allocation and one copy of the
// request, made by whichever of them is outermost.
//
// The lock is there for hosts that put http.TimeoutHandler in between: then
// the handler may still be setting the subject while the access log, which
// has seen the answer, reads it.
type exchange struct {
	context.Context

	mu        sync.Mutex
	began     time.Time
	requestID string
	clientIP  netip.Addr
	subject   string
	spent     []string  // names of the rate limits that counted this request
	room      [3]string // what spent begins in, so that a few limits cost nothing
}

type exchangeKey struct{}

// Value returns the exchange itself for its key and asks the parent for any
// other.
func (e *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return e
	}
	return e.Context.Value(key)
}

// exchangeOf returns the exchange of ctx, or nil.
func exchangeOf(ctx context.Context) *exchange {
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// withExchange returns the exchange of r, and r itself when it had one.
func withExchange(r *http.Request) (*http.Request, *exchange) {
	if e := exchangeOf(r.Context()); e != nil {
		return r, e
	}
	e := &exchange{Context: r.Context()}
	return r.WithContext(e), e
}

// facts is what an exchange knew at one moment.
type facts struct {
	requestID string
	clientIP  netip.Addr
	subject   string
}

func (e *exchange) facts() facts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return facts{e.requestID, e.clientIP, e.subject}
}

// at returns the instant by which the request is limited and authenticated:
// what clock says when it is first asked, since a clock costs as much as what it
// is read for. Without an exchange the clock is asked each time.
func (e *exchange) at(clock func() time.Time) time.Time {
	if e == nil {
		return clock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.began.IsZero() {
		e.began = clock()
	}
	return e.began
}

func (e *exchange) setRequestID(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requestID = id
}

func (e *exchange) setClientIP(addr netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clientIP = addr
}

func (e *exchange) setSubject(subject string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subject = subject
}

// spend notes that the rate limit of that name counts the request. It is false
// when it has already: a request is one unit, however often it is wrapped.
func (e *exchange) spend(limit string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.Contains(e.spent, limit) {
		return false
	}
	if e.spent == nil {
		e.spent = e.room[:0]
	}
	e.spent = append(e.spent, limit)
	return true
}
