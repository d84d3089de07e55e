package httpapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/httpapi"
	"github.com/usermgmt/usermgmt/store"
)

// Support staff grants within its ceilings, for one grant and for a day; admins
// have none. What is refused stands in the trail, and a repeat counts once.
func TestTheDesk_GrantsWithinCeilings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{}) // 1000 at once, 2500 a day
	alice, bob, lead, root := w.register("alice"), w.register("bob"), w.member(store.StaffLead), w.admin()
	path := "/staff/users/" + alice.id + "/credits"
	grant := func(key, path, amount string) answer {
		return w.repeat(key, "POST", path, lead.access, `{"amount":`+amount+`,"reason":"sorry"}`)
	}
	grant("1", path, "1001").want(403, "ceiling_exceeded")
	first := grant("2", path, "1000").want(201, "")
	if first.json()["source"] != "staff" || first.json()["reason"] != "sorry" || first.json()["balance_after"] != 1000.0 {
		t.Errorf("%s", first.body)
	}
	if again := grant("2", path, "1000").want(201, ""); again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("QT-08 a repeat: %s", again.body)
	}
	grant("2", path, "999").want(422, "idempotency_mismatch")
	grant("3", "/staff/users/"+bob.id+"/credits", "1000").want(201, "") // the day is the member's, not the user's
	refused := grant("4", path, "501").want(403, "ceiling_exceeded")
	if !strings.Contains(refused.text("detail"), "500 are left") {
		t.Errorf("%s", refused.body)
	}
	grant("4", path, "500").want(201, "") // a refusal is not remembered
	grant("5", path, "1").want(403, "ceiling_exceeded")
	w.repeat("", "POST", path, lead.access, `{"amount":1,"reason":"x"}`).want(400, "invalid_request")

	denied := "user.credits " + alice.id
	if denials := w.denials(); !slices.Equal(denials, []string{denied, denied, denied}) {
		t.Errorf("denials %v", denials)
	}
	if rows := w.events("user.credits"); len(rows) != 6 || rows[5].ActorID != lead.id {
		t.Errorf("%d rows: %+v", len(rows), rows)
	}
	w.call("POST", "/admin/users/"+alice.id+"/credits", root.access, `{"amount":9000000000,"reason":"x"}`).want(201, "")

	w.advance(12 * time.Hour) // midnight UTC
	lead = w.member(store.StaffLead)
	grant("6", path, "1000").want(201, "")
}

// Where nothing is configured, staff grants nothing.
func TestTheDesk_GrantsNothingByDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{api: func(c *httpapi.Config) { c.Ceilings.CreditGrant, c.Ceilings.CreditDay = 0, 0 }})
	alice, lead := w.register("alice"), w.member(store.StaffLead)
	w.call("POST", "/staff/users/"+alice.id+"/credits", lead.access, `{"amount":1,"reason":"x"}`).want(403, "ceiling_exceeded")
}
