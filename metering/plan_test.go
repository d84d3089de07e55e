package metering_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// put changes a plan behind the service's back.
func (b *bench) put(t *testing.T, p store.Plan) {
	t.Helper()
	if err := b.store.PlanUpdate(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func TestTheDefaultPlanFollowsTheConfigurationUntilEdited(t *testing.T) {
	t.Parallel()
	b := open(t, daily(10))
	plan, err := b.Plan(t.Context(), "free")
	if err != nil || !plan.FromConfig || !plan.CreatedAt.Equal(noon) || plan.OnInterrupt != store.ChargeDelivered {
		t.Fatalf("the plan that was made is %+v, %v", plan, err)
	}

	b.now = noon.Add(time.Hour)
	b.start(t, daily(20))
	for range 2 { // the second finds nothing to do
		if err := b.EnsureDefaultPlan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	plan, _ = b.Plan(t.Context(), "free")
	if plan.Limits[0] != daily(20) || !plan.CreatedAt.Equal(noon) || !plan.UpdatedAt.Equal(b.now) {
		t.Errorf("after a new configuration the plan is %+v", plan)
	}

	plan.FromConfig, plan.Limits = false, []store.Limit{daily(30)}
	b.put(t, plan)
	b.start(t, daily(40))
	if err := b.EnsureDefaultPlan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if plan, _ = b.Plan(t.Context(), "free"); plan.Limits[0] != daily(30) {
		t.Errorf("a plan that was edited became %+v", plan)
	}

	var actions []string
	for _, c := range b.trail.changes {
		actions = append(actions, c.Action+" "+c.Target.ID+" "+strings.Join(c.Affects, ","))
	}
	if want := "plan.create free plan:free; plan.update free plan:free"; strings.Join(actions, "; ") != want {
		t.Errorf("audited %q, want %q", actions, want)
	}
}

func TestAChangedPlanCountsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, daily(1))
	b.mustReserve(t, ann)
	reads := b.store.reads
	b.reserve(t, ann)
	if b.store.reads != reads {
		t.Errorf("%d reads of a plan that is known", b.store.reads-reads)
	}

	plan, _ := b.Plan(t.Context(), "free")
	plan.Limits[0].Limit = 2 // the caller's own copy
	if _, err := b.reserve(t, ann); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("a caller changed the plan that is kept: %v", err)
	}
	b.put(t, plan)
	b.versions.Bump(store.PlanVersion("free"))
	b.mustReserve(t, ann)

	// Another instance's change whose news are lost is seen within 5 seconds.
	plan.Limits = []store.Limit{daily(3)}
	b.put(t, plan)
	b.now = b.now.Add(5 * time.Second)
	b.mustReserve(t, ann)
}

func TestOnInterrupt(t *testing.T) {
	t.Parallel()
	b := open(t)
	if err := b.store.PlanInsert(t.Context(), store.Plan{ID: "strict", OnInterrupt: store.ChargeEstimate}); err != nil {
		t.Fatal(err)
	}
	for plan, want := range map[string]store.Interruption{
		"free":   store.ChargeDelivered,
		"strict": store.ChargeEstimate,
		"gone":   store.ChargeDelivered,
	} {
		p := ann
		p.Plan = plan
		if got := b.OnInterrupt(p); got != want {
			t.Errorf("plan %s: %s, want %s", plan, got, want)
		}
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := metering.New(metering.Config{
		Meters: []metering.Meter{{Name: "ok"}, {Name: "Bad"}, {Name: "ok"}, {Name: metering.Credits}, {Name: ""}},
		DefaultPlan: store.Plan{
			ID: "-x", RateLimit: "fast", OnInterrupt: "perhaps", MessageRetention: -1,
			Limits: []store.Limit{{Meter: "none", Window: "year", Limit: -2}, {Meter: "ok", Window: store.Day, Limit: 0}},
		},
	})
	if err == nil {
		t.Fatal("New took it")
	}
	for _, field := range []string{
		"Meters[1].Name must", "Meters[2].Name is taken", "Meters[3].Name is that of a built-in meter", "Meters[4].Name must",
		"DefaultPlan.ID", "DefaultPlan.RateLimit", "DefaultPlan.OnInterrupt", "DefaultPlan.MessageRetention",
		"Limits[0] must name a meter", "Limits[0] must have the window", "Limits[0] must have a limit",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not tell of %s", field)
		}
	}
	if strings.Contains(err.Error(), "Limits[1]") {
		t.Errorf("the error tells of a limit that is right: %v", err)
	}
}

func TestValidPlanID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"free": true, "pro-2": true, "9": true, strings.Repeat("a", 64): true,
		"": false, "-a": false, "a-": false, "Pro": false, "a b": false, "ä": false, strings.Repeat("a", 65): false,
	} {
		if got := metering.ValidPlanID(id); got != want {
			t.Errorf("ValidPlanID(%q) = %v, want %v", id, got, want)
		}
	}
}
