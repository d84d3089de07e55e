package audit_test

import (
	"testing"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

// The count of a flood says of each result how often it was: the guesses that a
// lock refused do not stand for those that were compared.
func TestAFloodIsCountedByResult(t *testing.T) {
	t.Parallel()
	m := new(memory)
	trail := newTrail(t, m)
	refused := failedSignIn("192.0.2.1")
	refused.Result, refused.Reason = store.Denied, "locked"
	for range 2 * audit.CrowdFrom {
		trail.Record(failedSignIn("192.0.2.1"))
		trail.Record(refused)
		trail.Record(refused)
	}
	if err := trail.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[store.Result]int64{}
	for _, e := range m.stored() {
		got[e.Result] += e.Count
	}
	if got[store.Failed] != 2*audit.CrowdFrom || got[store.Denied] != 4*audit.CrowdFrom {
		t.Errorf("counted %v", got)
	}
}
