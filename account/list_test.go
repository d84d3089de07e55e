package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/store"
)

func names(users []store.User) (out []string) {
	for _, u := range users {
		out = append(out, u.Username)
	}
	return out
}

func TestListShowsASuspensionThatEndedAsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	h.register("bob")
	must(t, h.Suspend(t.Context(), staff, alice.ID, "spam", noon.Add(time.Hour)))
	list := func(status store.Status) []store.User {
		t.Helper()
		// A moment that the caller names is not looked at.
		out, err := h.List(t.Context(), store.UserFilter{Status: status, Now: noon.Add(9 * time.Hour)}, store.Page{Sort: store.ByUsername, Total: true})
		must(t, err)
		if out.Total != int64(len(out.Items)) {
			t.Errorf("status %q: a total of %d for %d", status, out.Total, len(out.Items))
		}
		return out.Items
	}
	if got := list(store.Suspended); !slices.Equal(names(got), []string{"alice"}) || got[0].SuspendedReason != "spam" {
		t.Errorf("suspended: %+v", got)
	}
	if got := names(list(store.Active)); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("active: %v", got)
	}
	h.pass(time.Hour)
	if got := list(store.Suspended); len(got) > 0 {
		t.Errorf("suspended, although it has ended: %+v", got)
	}
	for _, status := range []store.Status{store.Active, ""} {
		got := list(status)
		if !slices.Equal(names(got), []string{"alice", "bob"}) || got[0].Status != store.Active || got[0].SuspendedReason != "" {
			t.Errorf("status %q, when it has ended: %+v", status, got)
		}
	}
}

func TestListDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	h.register("alina")
	must(t, h.Delete(t.Context(), staff, alice.ID, "asked"))
	gone, err := h.ListDeleted(t.Context(), store.DeletedUserFilter{Query: "AL"}, store.Page{Total: true})
	if must(t, err); len(gone.Items) != 1 || gone.Items[0].ID != alice.ID || gone.Total != 1 {
		t.Errorf("deleted: %+v", gone)
	}
	left, err := h.List(t.Context(), store.UserFilter{Query: "al"}, store.Page{})
	if must(t, err); !slices.Equal(names(left.Items), []string{"alina"}) {
		t.Errorf("left: %v", names(left.Items))
	}
}

// admitMany adds users straight to the store.
func (h *house) admitMany(n int) {
	h.t.Helper()
	must(h.t, h.store.InTx(h.t.Context(), func(ctx context.Context, q store.Queries) error {
		for i := range n {
			u := store.User{ID: fmt.Sprintf("usr_%06d", i), Username: fmt.Sprintf("user%06d", i), Status: store.Active,
				Plan: "free", CreatedAt: noon.Add(time.Duration(i/3) * time.Second)}
			if err := q.UserInsert(ctx, u); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestAllGivesEveryUserOnceAndHoldsNoTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const many = 2*store.MaxLimit + 5
	h.admitMany(many)
	for range 2 { // the second time it looks anew
		seen := 0
		for user, err := range h.All(t.Context(), store.UserFilter{}) {
			must(t, err)
			if want := fmt.Sprintf("usr_%06d", seen); user.ID != want {
				t.Fatalf("got %s, want %s", user.ID, want)
			}
			if seen == store.MaxLimit-1 { // what a reader that holds a transaction would not see
				must(t, h.store.UserDelete(t.Context(), fmt.Sprintf("usr_%06d", many-1)))
				must(t, h.store.UserInsert(t.Context(), store.User{ID: fmt.Sprintf("usr_%06d", many-1), Username: "new", Status: store.Active, CreatedAt: noon.Add(time.Hour)}))
			}
			if seen++; seen == many && user.Username != "new" {
				t.Errorf("the last is %+v: as it was at the start", user)
			}
		}
		if seen != many {
			t.Errorf("%d of %d", seen, many)
		}
	}
	for user, err := range h.All(t.Context(), store.UserFilter{Query: "USER00000"}) {
		if must(t, err); user.Username != "user000000" {
			t.Errorf("the first of a search: %s", user.Username)
		}
		break
	}
}

func TestAllEndsWithAnError(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.admitMany(store.MaxLimit + 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, failed := 0, 0
	for _, err := range h.All(ctx, store.UserFilter{}) {
		cancel()
		if err == nil {
			seen++
			continue
		}
		if failed++; !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	}
	if seen != store.MaxLimit || failed != 1 {
		t.Errorf("%d users and %d errors", seen, failed)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice, _ := h.register("alice")
	bob, _ := h.register("bob")
	carol, _ := h.register("carol")
	must(t, h.Suspend(t.Context(), staff, bob.ID, "spam", noon.Add(time.Hour)))
	must(t, h.Delete(t.Context(), staff, carol.ID, "asked"))
	today := noon.Truncate(24 * time.Hour)
	use := func(user string, day time.Time, amount int64) {
		t.Helper()
		must(t, h.store.MeterAdd(t.Context(), []store.UsageAdd{{Amount: amount, Counters: []store.Counter{
			{Subject: user, Meter: "conversations", Window: store.Day, Start: day}}}}))
	}
	use(alice.ID, today, 3)
	use(bob.ID, today, 4)
	use(bob.ID, today.AddDate(0, 0, -30), 99) // before the range
	_, err := h.store.MessageAppend(t.Context(), []store.Message{{ID: "msg_1", UserID: alice.ID, ConversationID: "c", Model: "m", TokensIn: 5, CreatedAt: noon}})
	must(t, err)

	got, err := h.Stats(t.Context(), account.StatsQuery{Meter: "conversations"})
	must(t, err)
	same := func(name string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	same("users", got.Users, store.UserCounts{Active: 1, Suspended: 1, Deleted: 1})
	same("signed in", got.SignedIn, account.SignedIn{Day: 2, Week: 2, Month: 2})
	same("sign-ups", got.SignUps, []store.DayCount{{Date: today, Count: 2}})
	same("usage", got.Usage, []store.UsagePoint{{Meter: "conversations", Date: today, Used: 7}})
	same("models", got.Models, []store.ModelUsage{{Model: "m", Messages: 1, TokensIn: 5}})
	same("top", got.Top, []store.UserUsage{{UserID: bob.ID, Used: 4}, {UserID: alice.ID, Used: 3}})
	same("range", []time.Time{got.From, got.Until}, []time.Time{today.AddDate(0, 0, -29), today.AddDate(0, 0, 1)})

	h.pass(2 * 24 * time.Hour)
	got, err = h.Stats(t.Context(), account.StatsQuery{From: today, Until: today.AddDate(0, 0, 92)})
	must(t, err)
	same("users later", got.Users, store.UserCounts{Active: 2, Deleted: 1})
	same("signed in later", got.SignedIn, account.SignedIn{Week: 2, Month: 2})
	same("top without a meter", len(got.Top), 0)
	for _, q := range []account.StatsQuery{
		{From: today, Until: today.AddDate(0, 0, 93)},
		{From: today.AddDate(0, 0, 1), Until: today},
		{From: today.AddDate(0, 0, -92)},
	} {
		if _, err := h.Stats(t.Context(), q); !errors.Is(err, store.ErrValidation) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
