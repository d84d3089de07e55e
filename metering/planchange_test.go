package metering_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func versionOf(user string) uint32 { return version.Stripe(store.UserVersion(user)) }

func TestPlansAreMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5)).withUser(t)
	plan, err := b.CreatePlan(t.Context(), staff, store.Plan{ID: "pro", Name: "Pro", Limits: []store.Limit{daily(50)}, FromConfig: true})
	if err != nil || plan.FromConfig || plan.OnInterrupt != store.ChargeDelivered || !plan.CreatedAt.Equal(noon) {
		t.Fatalf("CreatePlan = %+v, %v", plan, err)
	}
	if _, err := b.CreatePlan(t.Context(), staff, store.Plan{ID: "pro"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the id again: %v, want ErrConflict", err)
	}
	p := ann
	p.Plan = "pro"
	b.reserve(t, p)
	limits, rate := []store.Limit{daily(1)}, "5/s"
	plan, err = b.UpdatePlan(t.Context(), staff, "pro", metering.PlanUpdate{Limits: &limits, RateLimit: &rate})
	if err != nil || plan.Name != "Pro" || plan.RateLimit != "5/s" {
		t.Fatalf("UpdatePlan = %+v, %v", plan, err)
	}
	if _, err := b.reserve(t, p); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("the new limit does not hold at once: %v", err)
	}
	if _, err := b.UpdatePlan(t.Context(), staff, "pro", metering.PlanUpdate{RateLimit: &rate}); err != nil {
		t.Fatal(err)
	}
	list, err := b.Plans(t.Context(), store.Page{})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("Plans = %+v, %v", list, err)
	}

	if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", "", ""); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]store.Code{"free": store.ErrConflict, "pro": store.ErrConflict, "none": store.ErrNotFound} {
		if err := b.DeletePlan(t.Context(), staff, id); !errors.Is(err, want) {
			t.Errorf("DeletePlan(%s) = %v, want %v", id, err, want)
		}
	}
	if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "free", "", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.DeletePlan(t.Context(), staff, "pro"); err != nil {
		t.Error(err)
	}
	if _, err := b.Plan(t.Context(), "pro"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the deleted plan: %v, want ErrNotFound", err)
	}
	var actions []string
	for _, c := range b.trail.changes {
		actions = append(actions, c.Action)
	}
	want := []string{"plan.create", "plan.create", "plan.update", "user.plan", "user.plan", "plan.delete"}
	if !slices.Equal(actions, want) {
		t.Errorf("audited %q, want %q", actions, want)
	}
}

func TestAPlanIsCheckedMemberByMember(t *testing.T) {
	t.Parallel()
	b := open(t)
	_, err := b.CreatePlan(t.Context(), staff, store.Plan{
		ID: "Pro", Name: strings.Repeat("n", 101), RateLimit: "fast", OnInterrupt: "perhaps", MessageTextRetention: -1,
		Limits:      []store.Limit{daily(1), daily(2), {Meter: "pictures", Window: store.Day, Limit: 1}},
		CreditGrant: &store.CreditGrant{Amount: 0, Window: "year"},
	})
	e, ok := errors.AsType[*store.Error](err)
	if !ok || e.Code != store.ErrValidation {
		t.Fatalf("CreatePlan = %v, want ErrValidation", err)
	}
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Field+" "+f.Rule)
	}
	want := []string{"id format", "name too_long", "on_interrupt one_of", "rate_limit format", "message_retention range",
		"credit_grant range", "credit_grant one_of", "credit_grant one_of", "limits[1] duplicate", "limits[2] unknown"}
	if !slices.Equal(fields, want) {
		t.Errorf("at fault are %q, want %q", fields, want)
	}
	many := make([]store.Limit, 65)
	if _, err := b.UpdatePlan(t.Context(), staff, "free", metering.PlanUpdate{Limits: &many}); !errors.Is(err, store.ErrValidation) {
		t.Errorf("65 limits: %v, want ErrValidation", err)
	}
}
