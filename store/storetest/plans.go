package storetest

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// newPlan makes a plan with every field set.
func newPlan() store.Plan {
	return store.Plan{
		ID: newID("plan-"), Name: "Free", RateLimit: "5/s", OnInterrupt: store.ChargeDelivered,
		Limits: []store.Limit{
			{Meter: "conversations", Window: store.Day, Limit: 100},
			{Meter: "conversations", Window: store.Month, Limit: 0},
			{Meter: "tokens", Window: store.Week, Limit: store.Unlimited},
		},
		CreditGrant:          &store.CreditGrant{Amount: store.MaxAmount, Window: store.Month, Mode: store.GrantTopUp},
		MessageTextRetention: 30*24*time.Hour + time.Nanosecond, MessageRetention: 90 * 24 * time.Hour,
		FromConfig: true, CreatedAt: moment(0), UpdatedAt: moment(1),
	}
}

func keptPlan(p store.Plan) store.Plan {
	p.CreatedAt, p.UpdatedAt = kept(p.CreatedAt), kept(p.UpdatedAt)
	return p
}

func testPlans(t *testing.T, open Opener) {
	s := open(t)
	run := func(name string, fn func(t *testing.T, p store.Plan)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlan()
			must(t, s.PlanInsert(t.Context(), p))
			fn(t, p)
		})
	}

	run("PlanGet/ReturnsWhatWasStored", func(t *testing.T, p store.Plan) {
		want(t, got(s.PlanGet(t.Context(), p.ID))(t), keptPlan(p))
	})
	run("PlanGet/Missing", func(t *testing.T, _ store.Plan) {
		_, err := s.PlanGet(t.Context(), newID("plan-"))
		wantError(t, err, store.ErrNotFound)
	})
	run("PlanInsert/Duplicate", func(t *testing.T, p store.Plan) {
		wantError(t, s.PlanInsert(t.Context(), store.Plan{ID: p.ID}), store.ErrConflict)
		want(t, got(s.PlanGet(t.Context(), p.ID))(t), keptPlan(p))
	})
	run("PlanUpdate/ReplacesAllButIDAndCreatedAt", func(t *testing.T, p store.Plan) {
		next := store.Plan{ID: p.ID, Name: "Pro", OnInterrupt: store.ChargeNothing, CreatedAt: moment(9), UpdatedAt: moment(8)}
		must(t, s.PlanUpdate(t.Context(), next))
		next.CreatedAt = p.CreatedAt
		want(t, got(s.PlanGet(t.Context(), p.ID))(t), keptPlan(next))
	})
	run("PlanDelete/Gone", func(t *testing.T, p store.Plan) {
		must(t, s.PlanDelete(t.Context(), p.ID))
		_, err := s.PlanGet(t.Context(), p.ID)
		wantError(t, err, store.ErrNotFound)
		wantError(t, s.PlanDelete(t.Context(), p.ID), store.ErrNotFound)
	})
	run("PlanUsers/OfOnePlan", func(t *testing.T, p store.Plan) {
		want(t, got(s.PlanInUse(t.Context(), p.ID))(t), false)
		var users []store.User
		for i := range 3 {
			u := newUser()
			u.Plan, u.CreatedAt = p.ID, moment(i)
			must(t, s.UserInsert(t.Context(), u))
			users = append(users, keptUser(u))
		}
		must(t, s.UserInsert(t.Context(), newUser()))
		want(t, got(s.PlanInUse(t.Context(), p.ID))(t), true)
		page := store.Page{Limit: 2, Sort: store.OldestFirst}
		list := got(s.PlanUsers(t.Context(), p.ID, page))(t)
		want(t, list.Items, users[:2])
		page.After = list.Next
		want(t, got(s.PlanUsers(t.Context(), p.ID, page))(t).Items, users[2:])
	})
	t.Run("PlanList/All", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		older, newer := newPlan(), newPlan()
		newer.CreatedAt = moment(1)
		must(t, s.PlanInsert(t.Context(), newer))
		must(t, s.PlanInsert(t.Context(), older))
		want(t, got(s.PlanList(t.Context(), store.Page{}))(t).Items, []store.Plan{keptPlan(newer), keptPlan(older)})
	})
	run("PlanUpdate/Missing", func(t *testing.T, _ store.Plan) {
		wantError(t, s.PlanUpdate(t.Context(), newPlan()), store.ErrNotFound)
	})
}
