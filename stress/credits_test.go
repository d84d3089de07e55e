package stress_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// credits does what only the Go API and admins offer of credits, and makes keys
// for services.
type credits struct{ mgr *usermgmt.Manager }

func (c credits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var told map[string]any
	var err error
	switch query := r.URL.Query(); r.PathValue("deed") {
	case "service-key":
		told, err = c.serviceKey(r)
	case "grant":
		told, err = c.grant(r, query)
	case "refund":
		var done store.Reservation
		done, err = c.mgr.Metering().Refund(r.Context(), query.Get("id"), "a test")
		told = map[string]any{"refunded": done.Refunded}
	case "balance":
		var b store.Balance
		b, err = c.mgr.Metering().Balance(r.Context(), query.Get("user"))
		told = map[string]any{"amount": b.Amount, "reserved": b.Reserved}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		usermgmt.WriteError(w, r, err)
		return
	}
	_ = json.NewEncoder(w).Encode(told)
}

func (c credits) serviceKey(r *http.Request) (map[string]any, error) {
	_, secret, err := c.mgr.ServiceKeys().Create(r.Context(), usermgmt.System(), authn.NewServiceKey{Name: "test"})
	return map[string]any{"key": secret.Reveal()}, err
}

// grant gives an amount that ends at "until", in microseconds, unless that is 0:
// once for each order, or once for each request, as the query names either.
func (c credits) grant(r *http.Request, query url.Values) (map[string]any, error) {
	amount, err := strconv.ParseInt(query.Get("amount"), 10, 64)
	if err != nil {
		return nil, usermgmt.Invalid("amount", "type", "must be a number")
	}
	in := metering.NewGrant{Amount: amount, Reason: "a test", Key: query.Get("order")}
	if until, _ := strconv.ParseInt(query.Get("until"), 10, 64); until != 0 {
		in.ExpiresAt = time.UnixMicro(until)
	}
	if name := query.Get("request"); name != "" {
		in.Idempotency = &store.Idempotency{Caller: "test", Route: "grant", Key: name, BodyHash: sha256.Sum256([]byte(r.URL.RawQuery))}
	}
	entry, _, err := c.mgr.Metering().GrantCredits(r.Context(), usermgmt.System(), query.Get("user"), in)
	return map[string]any{"id": entry.ID, "amount": entry.Amount}, err
}
