package metering_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

func weekly(n int64) store.Limit {
	return store.Limit{Meter: metering.Conversations, Window: store.Week, Limit: n}
}

func monthly(n int64) store.Limit {
	return store.Limit{Meter: metering.Conversations, Window: store.Month, Limit: n}
}

// addPlan makes a plan.
func (b *bench) addPlan(t *testing.T, id string, limits ...store.Limit) {
	t.Helper()
	if _, err := b.CreatePlan(t.Context(), staff, store.Plan{ID: id, Name: id, Limits: limits}); err != nil {
		t.Fatal(err)
	}
}

// principal is ann as the store has her.
func (b *bench) principal(t *testing.T) authn.Principal {
	t.Helper()
	user, err := b.store.UserGet(t.Context(), ann.Subject)
	if err != nil {
		t.Fatal(err)
	}
	return authn.PrincipalOf(user)
}

// use consumes n conversations of ann, which must be admitted.
func (b *bench) use(t *testing.T, n int64) {
	t.Helper()
	if _, err := b.consume(t, b.principal(t), units(n)); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) wantUsed(t *testing.T, w store.Window, used, remaining int64) {
	t.Helper()
	p := b.principal(t)
	if c := b.usage(t, p, p.Subject, w); c.Used != used || c.Remaining() != remaining {
		t.Errorf("of the %s %d are used and %d remain, want %d and %d", w, c.Used, c.Remaining(), used, remaining)
	}
}

func TestCase_Q12_AChangeOfPlanSaysWhatBecomesOfUsage(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		usage                metering.PresentUsage
		day, week, month     int64 // used
		admitted             bool  // one more, of the day's 10 and the week's 18
		remainDay, remainAll int64
	}{
		{metering.KeepUsage, 8, 12, 12, true, 2, 6},
		{"", 8, 12, 12, true, 2, 6},
		{metering.ZeroUsage, 0, 0, 0, true, 10, 18},
	} {
		t.Run(string(row.usage), func(t *testing.T) {
			t.Parallel()
			b := open(t, daily(20)).withUser(t)
			b.addPlan(t, "pro", daily(10), weekly(18), monthly(store.Unlimited))
			b.now = noon.AddDate(0, 0, -1) // Thursday: nothing counts weeks yet
			b.use(t, 4)
			b.now = noon
			b.use(t, 8)
			user, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", row.usage, "upgrade")
			if err != nil || user.Plan != "pro" || !user.UpdatedAt.Equal(noon) {
				t.Fatalf("SetPlan = %+v, %v", user, err)
			}
			b.wantUsed(t, store.Day, row.day, row.remainDay)
			b.wantUsed(t, store.Week, row.week, row.remainAll)
			b.wantUsed(t, store.Month, row.month, store.Unlimited)
			b.use(t, 1)
		})
	}
}

// What was forgiven is not held against a limit that comes later.
func TestCase_Q12_ALimitThatComesAfterAResetCountsFromTheReset(t *testing.T) {
	t.Parallel()
	for name, reset := range map[string]func(*bench) error{
		"ResetUsage": func(b *bench) error {
			return b.ResetUsage(t.Context(), staff, ann.Subject, metering.Conversations, "sorry")
		},
		"SetPlan": func(b *bench) error {
			_, err := b.SetPlan(t.Context(), staff, ann.Subject, "free", metering.ZeroUsage, "sorry")
			return err
		},
	} {
		b := open(t, daily(20)).withUser(t)
		b.addPlan(t, "pro", weekly(18), monthly(50))
		for _, days := range []int{-7, -2, -1} { // a Friday of the month, Wednesday and Thursday of the week
			b.now = noon.AddDate(0, 0, days)
			b.use(t, 4)
		}
		b.now = noon
		b.use(t, 3)
		if err := reset(b); err != nil {
			t.Fatal(err)
		}
		b.use(t, 2)
		if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", metering.KeepUsage, "upgrade"); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		b.wantUsed(t, store.Day, 2, store.Unlimited)
		b.wantUsed(t, store.Week, 2, 16)
		b.wantUsed(t, store.Month, 2, 48)
		history, err := b.History(t.Context(), ann, "", time.Time{}, time.Time{})
		if err != nil || len(history) != 4 {
			t.Errorf("the history is %+v, %v", history, err)
		}
	}
}

func TestSetPlanIsAuditedOnceAndRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5)).withUser(t)
	b.addPlan(t, "pro", daily(50))
	for name, row := range map[string]struct {
		user, plan string
		usage      metering.PresentUsage
		want       store.Code
	}{
		"no such user":  {"usr_none", "pro", "", store.ErrNotFound},
		"no such plan":  {ann.Subject, "max", "", store.ErrValidation},
		"no such usage": {ann.Subject, "pro", "halve", store.ErrValidation},
	} {
		if _, err := b.SetPlan(t.Context(), staff, row.user, row.plan, row.usage, ""); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	before := b.versions.Load(versionOf(ann.Subject))
	for range 2 {
		if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", metering.KeepUsage, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.trail.count("user.plan"); n != 1 {
		t.Errorf("%d changes were audited, want 1", n)
	}
	if b.versions.Load(versionOf(ann.Subject)) == before {
		t.Error("the principal with the old plan is still believed")
	}
	b.use(t, 5)
	if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", metering.ZeroUsage, "again"); err != nil {
		t.Fatal(err)
	}
	b.wantUsed(t, store.Day, 0, 50)
}

func TestSetPlanGivesTheNewPlansGrantAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	grant := &store.CreditGrant{Amount: 40, Window: store.Month, Mode: store.GrantAdd}
	if _, err := b.CreatePlan(t.Context(), staff, store.Plan{ID: "pro", CreditGrant: grant}); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []string{"pro", "free", "pro"} {
		if _, err := b.SetPlan(t.Context(), staff, ann.Subject, plan, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	b.wantBalance(t, 40, 0) // once in a month
	if e := b.ledger(t)[0]; e.Source != "plan:pro" || e.IdempotencyKey != "plan:pro:month:2026-01-01" || e.Priority != metering.PlanPriority {
		t.Errorf("the grant is %+v", e)
	}
}

func TestCase_Q2_LimitsOfAUsersOwnStandInPlaceOfThePlans(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5), weekly(100)).withUser(t)
	b.use(t, 5)
	change := func(limits ...authn.LimitChange) {
		t.Helper()
		if _, err := b.SetLimits(t.Context(), staff, ann.Subject, limits, "asked"); err != nil {
			t.Fatal(err)
		}
	}
	change(authn.LimitChange{Limit: daily(8)}, authn.LimitChange{Limit: monthly(7)})
	b.wantUsed(t, store.Day, 5, 3)
	b.wantUsed(t, store.Week, 5, 95)
	b.wantUsed(t, store.Month, 0, 7) // Q12: what was used before does not count against it
	b.use(t, 3)
	change(authn.LimitChange{Limit: daily(store.Unlimited)})
	b.use(t, 4)
	if _, err := b.consume(t, b.principal(t), units(1)); !errors.Is(err, store.ErrQuotaExceeded) {
		t.Errorf("over the month of one's own: %v, want ErrQuotaExceeded", err)
	}
	change(authn.LimitChange{Limit: daily(0), Inherit: true}, authn.LimitChange{Limit: monthly(0), Inherit: true})
	change(authn.LimitChange{Limit: daily(0), Inherit: true}) // changes nothing
	b.wantUsed(t, store.Day, 12, 0)
	if n := b.trail.count("user.limits"); n != 3 {
		t.Errorf("%d changes were audited, want 3", n)
	}
	change(authn.LimitChange{Limit: daily(13)})
	withKey := b.principal(t)
	withKey.KeyID, withKey.KeyFamily, withKey.Limits = "key_a", "kfm_a", []store.Limit{daily(store.Unlimited)}
	for i, want := range []bool{true, false} { // Q2: what is unlimited for the key is not for its user
		if _, err := b.consume(t, withKey, units(1)); (err == nil) != want {
			t.Errorf("consume %d by a key without limits: %v", i, err)
		}
	}
}

func TestSetLimitsAndResetUsageCheckTheirInput(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	two := []authn.LimitChange{{Limit: daily(1)}, {Limit: daily(2)}}
	year := []authn.LimitChange{{Limit: store.Limit{Meter: metering.Conversations, Window: "year", Limit: 1}, Inherit: true}}
	for name, row := range map[string]struct {
		err  error
		want store.Code
	}{
		"limits, no reason":   {last(b.SetLimits(t.Context(), staff, ann.Subject, nil, "")), store.ErrReasonRequired},
		"one pair twice":      {last(b.SetLimits(t.Context(), staff, ann.Subject, two, "x")), store.ErrValidation},
		"no such window":      {last(b.SetLimits(t.Context(), staff, ann.Subject, year, "x")), store.ErrValidation},
		"limits, no user":     {last(b.SetLimits(t.Context(), staff, "usr_none", nil, "x")), store.ErrNotFound},
		"reset, no reason":    {b.ResetUsage(t.Context(), staff, ann.Subject, "", ""), store.ErrReasonRequired},
		"reset, no such user": {b.ResetUsage(t.Context(), staff, "usr_none", "", "x"), store.ErrNotFound},
		"reset, no meter":     {b.ResetUsage(t.Context(), staff, ann.Subject, "pictures", "x"), store.ErrValidation},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: %v, want %v", name, row.err, row.want)
		}
	}
}

func last[T any](_ T, err error) error { return err }

func TestCase_R6_AWindowThatHasTurnedReadsAsUnused(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5), weekly(9)).withUser(t)
	b.use(t, 5)
	b.now = noon.Add(12*time.Hour - time.Microsecond)
	b.wantUsed(t, store.Day, 5, 0)
	b.now = noon.Add(12 * time.Hour) // nobody has asked for anything since
	b.wantUsed(t, store.Day, 0, 5)
	b.wantUsed(t, store.Week, 5, 4)
	b.now = noon.AddDate(0, 0, 3)
	b.wantUsed(t, store.Week, 0, 9)
}

func TestCase_R5_AResetChangesUsageAndNotTheWindow(t *testing.T) {
	t.Parallel()
	b := open(t, daily(5), weekly(9)).withUser(t)
	b.use(t, 5)
	held, err := b.Hold(t.Context(), ann, metering.Charge{Meter: "tokens", Amount: 3, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.ResetUsage(t.Context(), staff, ann.Subject, "", "goodwill"); err != nil {
		t.Fatal(err)
	}
	b.wantUsed(t, store.Day, 0, 5)
	b.wantUsed(t, store.Week, 0, 9)
	if c := b.usage(t, ann, ann.Subject, store.Day); !c.End.Equal(noon.Add(12 * time.Hour)) {
		t.Errorf("the day now ends at %v", c.End)
	}
	if changes := b.trail.changes[len(b.trail.changes)-1]; changes.Action != "user.usage_reset" || changes.Changes["conversations-day"].From != int64(5) {
		t.Errorf("audited as %+v", changes)
	}
	if _, err := b.Settle(t.Context(), held.Reservation.ID, 3, ""); err != nil { // it was held all the time
		t.Fatal(err)
	}
	b.use(t, 5)
	b.now = noon.Add(12 * time.Hour)
	points, err := b.History(t.Context(), ann, metering.Conversations, time.Time{}, time.Time{})
	if err != nil || len(points) != 1 || points[0].Used != 10 {
		t.Errorf("the history is %+v, %v; want the 10 that were used", points, err)
	}
}
