package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// registered makes a user for an example.
func registered(mgr *usermgmt.Manager) usermgmt.User {
	user, _, err := mgr.Users().Register(context.Background(), usermgmt.Registration{
		Username: "alice", Email: "alice@example.com", Password: "a quiet test phrase",
	}, usermgmt.Origin{})
	if err != nil {
		log.Fatal(err)
	}
	return user
}

// Consume counts at once. What a limit does not admit is refused, and says what
// is left and how long to wait.
func ExampleManager_Metering_consume() {
	mgr, remove := temporary(usermgmt.Config{DailyConversations: new(int64(5))})
	defer remove()
	ctx, alice := context.Background(), usermgmt.PrincipalOf(registered(mgr))

	for _, amount := range []int64{3, 3} {
		verdict, err := mgr.Metering().Consume(ctx, alice, metering.Charge{Meter: metering.Conversations, Amount: amount})
		least, _ := verdict.Tightest()
		fmt.Println(errors.Is(err, usermgmt.ErrQuotaExceeded), least.Remaining())
	}
	// Output:
	// false 2
	// true 2
}

// Reserve holds an estimate, Settle charges what was really used. Here it is
// credits, of which each change is an entry in the ledger.
func ExampleManager_Metering_reserve() {
	mgr, remove := temporary(usermgmt.Config{})
	defer remove()
	ctx, user := context.Background(), registered(mgr)
	_, _, err := mgr.Metering().GrantCredits(ctx, usermgmt.System(), user.ID, metering.NewGrant{Amount: 10_000, Reason: "welcome"})
	if err != nil {
		log.Fatal(err)
	}

	lease, _, err := mgr.Metering().Reserve(ctx, usermgmt.PrincipalOf(user), metering.Credits, 5_000, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	balance, err := mgr.Metering().Balance(ctx, user.ID)
	fmt.Println(balance.Amount, balance.Available(), err)

	lease, err = mgr.Metering().Settle(ctx, lease.ID, 3_200, store.OutcomeComplete)
	fmt.Println(lease.Status, err)

	entries, err := mgr.Metering().Ledger(ctx, user.ID, usermgmt.Page{Sort: store.OldestFirst})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries.Items {
		fmt.Println(e.Kind, e.Amount, e.BalanceAfter)
	}
	// Output:
	// 10000 5000 <nil>
	// settled <nil>
	// grant 10000 10000
	// spend -3200 6800
}

// A charge with an idempotency key counts once, however often it is asked for.
func ExampleManager_Metering_repeat() {
	mgr, remove := temporary(usermgmt.Config{})
	defer remove()
	ctx, alice := context.Background(), usermgmt.PrincipalOf(registered(mgr))

	charge := metering.Charge{Meter: metering.Conversations, Amount: 1,
		Idempotency: &store.Idempotency{Caller: "importer", Route: "nightly", Key: "2026-01-09"}}
	for range 3 {
		verdict, err := mgr.Metering().Consume(ctx, alice, charge)
		fmt.Println(verdict.Replayed, verdict.Counters[0].Used, err)
	}
	// Output:
	// false 1 <nil>
	// true 1 <nil>
	// true 1 <nil>
}
