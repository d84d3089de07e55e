package middleware_test

import (
	"net/http"
	"strconv"
	"testing"
)

// A client that makes its requests fail gets nothing back: only what the server
// could not do is not charged.
func TestCase_Q6_OnlyFaultsOfTheServerAreNotCharged(t *testing.T) {
	t.Parallel()
	for status, charged := range map[int]bool{
		200: true, 204: true, 302: true, 400: true, 404: true, 409: true, 413: true, 422: true, 429: true, 499: true,
		500: false, 501: false, 502: false, 503: false, 504: false,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			var l ledger
			answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			run(chain(answer, authenticate(), l.meter("")), as("alice"))
			end := "release res_conversations"
			if charged {
				end = "settle res_conversations 3 complete"
			}
			l.want(t, "reserve conversations 3", end)
		})
	}
}
