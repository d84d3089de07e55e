package bench_test

import (
	"testing"

	"github.com/usermgmt/usermgmt/bench"
)

// TestListsAreFullPages reads each page that is measured: a case panics when its
// page is not full.
func TestListsAreFullPages(t *testing.T) {
	t.Parallel()
	h, err := bench.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	crowd, err := h.Gather(t.Context(), 20_000)
	if err != nil {
		t.Fatal(err)
	}
	cases := append(crowd.Searches(t.Context()), crowd.Total(t.Context()))
	for _, l := range crowd.Lists(t.Context()) {
		cases = append(cases, l.First, l.Middle, l.End)
	}
	for _, c := range cases {
		c.Worker()()
	}
	if _, _, err := crowd.Export(t.Context()); err != nil {
		t.Error(err)
	}
}
