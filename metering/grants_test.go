package metering_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// setGrant gives the default plan a credit grant.
func (b *bench) setGrant(t *testing.T, g *store.CreditGrant) {
	t.Helper()
	if _, err := b.UpdatePlan(t.Context(), staff, "free", metering.PlanUpdate{CreditGrant: &g}); err != nil {
		t.Fatal(err)
	}
}

// addUser adds an account that lives in a zone.
func (b *bench) addUser(t *testing.T, id, zone string) {
	t.Helper()
	u := store.User{ID: id, Username: id, Plan: "free", Zone: store.Zone{Name: zone}, Status: store.Active, CreatedAt: noon}
	if err := b.store.UserInsert(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) balanceOf(t *testing.T, user string) int64 {
	t.Helper()
	balance, err := b.Balance(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return balance.Amount
}

func (b *bench) mustGrantDue(t *testing.T, want int) {
	t.Helper()
	if n, err := b.GrantDue(t.Context()); n != want || err != nil {
		t.Errorf("GrantDue = %d, %v; want %d", n, err, want)
	}
}

func TestCase_R7_GrantsAddOrTopUp(t *testing.T) {
	t.Parallel()
	for mode, want := range map[store.GrantMode]int64{store.GrantAdd: 50 + 100 - 70 + 100, store.GrantTopUp: 50 + 100} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			b := open(t).withUser(t)
			b.grant(t, metering.NewGrant{Amount: 50}) // bought: no refill takes its place
			b.setGrant(t, &store.CreditGrant{Amount: 100, Window: store.Day, Mode: mode})
			b.mustGrantDue(t, 1)
			b.mustGrantDue(t, 0)
			if _, err := b.consume(t, ann, credits(70)); err != nil { // of the plan's, which go first
				t.Fatal(err)
			}
			b.now = noon.Add(12 * time.Hour)
			b.mustGrantDue(t, 1)
			b.mustGrantDue(t, 0)
			b.wantBalance(t, want, 0)
			b.ledger(t)
		})
	}
}

func TestCase_R1_GrantsComeOnceAWindowInEachZone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := openIn(t, folder)
	zones := []string{"UTC", "Pacific/Kiritimati", "America/New_York", "Asia/Tokyo"}
	for _, zone := range zones {
		b.addUser(t, zone, zone)
	}
	b.setGrant(t, &store.CreditGrant{Amount: 1, Window: store.Day, Mode: store.GrantAdd})
	others := []*bench{b, openIn(t, folder)}
	for hour := range 72 { // three days, on whatever instance
		o := others[hour%2]
		o.now = noon.Add(time.Duration(hour) * time.Hour)
		if _, err := o.GrantDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, zone := range zones { // noon of the first day to noon of the fourth are four days everywhere
		loc, _ := time.LoadLocation(zone)
		first, last := noon.In(loc), noon.Add(71*time.Hour).In(loc)
		want := int64(last.YearDay() - first.YearDay() + 1)
		if got := b.balanceOf(t, zone); got != want {
			t.Errorf("%s was granted %d times, want %d", zone, got, want)
		}
	}
}

func TestAWindowsGrantIsThereWithoutAnyJob(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.setGrant(t, &store.CreditGrant{Amount: 10, Window: store.Week, Mode: store.GrantAdd})
	for week := range 3 {
		b.now = noon.AddDate(0, 0, 7*week)
		if _, err := b.consume(t, ann, credits(10)); err != nil {
			t.Errorf("week %d: %v", week, err)
		}
		if _, err := b.consume(t, ann, credits(1)); !errors.Is(err, store.ErrInsufficientCredits) {
			t.Errorf("week %d, more: %v, want ErrInsufficientCredits", week, err)
		}
	}
	b.mustGrantDue(t, 0)
}

func TestCase_R1_OneAccountAtFaultStopsNoOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	for i := range 250 {
		b.addUser(t, fmt.Sprintf("usr_%03d", i), "UTC")
	}
	b.setGrant(t, &store.CreditGrant{Amount: 3, Window: store.Day, Mode: store.GrantAdd})
	exec := b.store.Store.(store.Execer)
	if _, err := exec.Exec(t.Context(), `CREATE TRIGGER poison BEFORE INSERT ON ledger_entries WHEN NEW.user_id = 'usr_123'
		BEGIN SELECT RAISE(ABORT, 'poisoned'); END`); err != nil {
		t.Fatal(err)
	}
	if n, err := b.GrantDue(t.Context()); n != 249 || err == nil {
		t.Errorf("GrantDue = %d, %v; want 249 and an error", n, err)
	}
	if _, err := exec.Exec(t.Context(), `DROP TRIGGER poison`); err != nil {
		t.Fatal(err)
	}
	b.mustGrantDue(t, 1)

	for i := range 250 {
		in := metering.NewGrant{Amount: 5, Reason: "gift", ExpiresAt: noon.Add(time.Hour)}
		if _, _, err := b.GrantCredits(t.Context(), staff, fmt.Sprintf("usr_%03d", i), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.Exec(t.Context(), `UPDATE balances SET amount = 0 WHERE user_id = 'usr_077'`); err != nil {
		t.Fatal(err)
	}
	b.now = noon.Add(2 * time.Hour)
	if n, err := b.ExpireCredits(t.Context()); n != 249 || err == nil {
		t.Errorf("ExpireCredits = %d, %v; want 249 and an error", n, err)
	}
	if got := b.balanceOf(t, "usr_249"); got != 3 {
		t.Errorf("the last one has %d, want 3", got)
	}
}

func TestGrantsStopWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.setGrant(t, &store.CreditGrant{Amount: 3, Window: store.Day, Mode: store.GrantAdd})
	b.store.Store.Close()
	if _, err := b.GrantDue(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("GrantDue = %v, want ErrClosed", err)
	}
	if _, err := b.ExpireCredits(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("ExpireCredits = %v, want ErrClosed", err)
	}
}

// The key of a grant names its window: a day and a month may begin on one date.
func TestAPlanThatTurnsFromDaysToMonthsGrantsTheMonth(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b.setGrant(t, &store.CreditGrant{Amount: 10, Window: store.Day, Mode: store.GrantAdd})
	b.mustGrantDue(t, 1)
	b.now = b.now.AddDate(0, 0, 14)
	b.setGrant(t, &store.CreditGrant{Amount: 3000, Window: store.Month, Mode: store.GrantAdd})
	b.mustGrantDue(t, 1)
	b.wantBalance(t, 3010, 0)
}

// changesAfterListing is a store in which something happens once, after the
// users of a plan were listed.
type changesAfterListing struct {
	store.Store
	then func()
}

func (s *changesAfterListing) PlanUsers(ctx context.Context, id string, p store.Page) (store.List[store.User], error) {
	users, err := s.Store.PlanUsers(ctx, id, p)
	if then := s.then; then != nil {
		s.then = nil
		then()
	}
	return users, err
}

func TestWhoLeavesAPlanMeanwhileGetsNothingOfIt(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.setGrant(t, &store.CreditGrant{Amount: 10, Window: store.Day, Mode: store.GrantAdd})
	pro := store.Plan{ID: "pro", CreditGrant: &store.CreditGrant{Amount: 40, Window: store.Day, Mode: store.GrantAdd}}
	if _, err := b.CreatePlan(t.Context(), staff, pro); err != nil {
		t.Fatal(err)
	}
	b.store.Store = &changesAfterListing{b.store.Store, func() {
		if _, err := b.SetPlan(t.Context(), staff, ann.Subject, "pro", "", ""); err != nil {
			t.Error(err)
		}
	}}
	if _, err := b.GrantDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantBalance(t, 40, 0)
}

func TestABalanceThatWasFullIsGrantedWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	b := open(t).withUser(t)
	b.grant(t, metering.NewGrant{Amount: store.MaxAmount})
	b.setGrant(t, &store.CreditGrant{Amount: 10, Window: store.Month, Mode: store.GrantAdd})
	if _, err := b.consume(t, ann, credits(1000)); err != nil {
		t.Fatal(err)
	}
	b.mustGrantDue(t, 1)
	b.wantBalance(t, store.MaxAmount-1000+10, 0)
}
