package metering_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func TestHistoryIsByTheAccountsDays(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	p := ann
	p.Zone = store.Zone{Name: "Asia/Tokyo"} // 9 hours ahead
	b.grant(t, metering.NewGrant{Amount: 100})
	for _, use := range []struct {
		at     time.Time
		charge metering.Charge
	}{
		{noon, units(2)}, {noon.Add(3 * time.Hour), units(4)}, {noon.Add(3 * time.Hour), metering.Charge{Meter: "tokens", Amount: 70}},
		{noon.Add(4 * time.Hour), credits(5)}, {noon.Add(30 * time.Hour), units(1)},
	} {
		b.now = use.at
		if _, err := b.consume(t, p, use.charge); err != nil {
			t.Fatal(err)
		}
	}
	history := func(meter string, from, until time.Time) (got []string) {
		t.Helper()
		points, err := b.History(t.Context(), p, meter, from, until)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range points {
			got = append(got, fmt.Sprint(at.Date.Format(time.DateOnly), " ", at.Meter, " ", at.Used))
		}
		return got
	}
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	all := []string{"2026-01-09 conversations 2", "2026-01-10 conversations 4", "2026-01-10 credits 5", "2026-01-10 tokens 70", "2026-01-11 conversations 1"}
	if got := history("", time.Time{}, time.Time{}); !slices.Equal(got, all) {
		t.Errorf("everything is %q", got)
	}
	if got := history("tokens", day(10), day(11)); !slices.Equal(got, all[3:4]) {
		t.Errorf("the tokens of the 10th are %q", got)
	}
	if got := history("", day(1), day(10)); !slices.Equal(got, all[:1]) {
		t.Errorf("until the 10th there is %q", got)
	}
	for name, err := range map[string]error{
		"no such meter": last(b.History(t.Context(), p, "pictures", time.Time{}, time.Time{})),
		"backwards":     last(b.History(t.Context(), p, "", day(2), day(1))),
		"too long":      last(b.History(t.Context(), p, "", day(1), day(402))),
	} {
		if !errors.Is(err, store.ErrValidation) {
			t.Errorf("%s: %v, want ErrValidation", name, err)
		}
	}
	if _, err := b.History(t.Context(), authn.Principal{}, "", time.Time{}, time.Time{}); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("of nobody: %v, want ErrInvalidToken", err)
	}
}
