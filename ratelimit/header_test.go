package ratelimit_test

import (
	"math"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/ratelimit"
)

func TestCase_IP_09_HeaderFields(t *testing.T) {
	t.Parallel()
	decision, _ := ratelimit.Rate{PerSecond: 50, Burst: 200}.Spend(0, 1)
	requests := decision.Item("requests")
	for _, row := range []struct {
		name          string
		items         []ratelimit.Item
		policy, limit string
	}{
		{"none", nil, "", ""},
		{"a bucket", []ratelimit.Item{requests}, `"requests";q=200;w=4`, `"requests";r=199;t=1`},
		{
			"several",
			[]ratelimit.Item{
				requests,
				{Policy: "conversations-day", Quota: 100, Window: 24 * time.Hour, Remaining: 57, Reset: time.Hour},
				{Policy: "credits", Quota: 5_000_000, Remaining: 1_250_000},
			},
			`"requests";q=200;w=4, "conversations-day";q=100;w=86400, "credits";q=5000000`,
			`"requests";r=199;t=1, "conversations-day";r=57;t=3600, "credits";r=1250000`,
		},
		{
			"out of the range of structured fields",
			[]ratelimit.Item{{Policy: `a"b\c`, Quota: math.MaxInt64, Remaining: -3, Window: time.Millisecond, Reset: time.Nanosecond}},
			`"a\"b\\c";q=999999999999999;w=1`,
			`"a\"b\\c";r=0;t=1`,
		},
	} {
		if got := ratelimit.PolicyField(row.items...); got != row.policy {
			t.Errorf("%s: %s is %s, want %s", row.name, ratelimit.PolicyHeader, got, row.policy)
		}
		if got := ratelimit.LimitField(row.items...); got != row.limit {
			t.Errorf("%s: %s is %s, want %s", row.name, ratelimit.LimitHeader, got, row.limit)
		}
	}
}
