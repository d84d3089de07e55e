package metering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// PlanPriority is the priority of credits that a plan grants: they are spent
// before those that were bought or given.
const PlanPriority = -10

const (
	grantedCacheSize = 1 << 16

	// creditChunk is how many accounts share a transaction that grants or
	// expires: few enough that no request waits long for the write lock.
	creditChunk = 100
)

// planGrant is the grant of a plan for a user's present window. Its key makes it
// happen once, whoever gives it and however often.
func (s *Service) planGrant(userID string, zone store.Zone, plan store.Plan, now time.Time) store.Grant {
	start, _ := windowAt(plan.CreditGrant.Window, zone, s.locations.load, now)
	return store.Grant{
		ID:             ids.New(ids.Ledger),
		UserID:         userID,
		Amount:         plan.CreditGrant.Amount,
		Mode:           plan.CreditGrant.Mode,
		Source:         "plan:" + plan.ID,
		Priority:       PlanPriority,
		IdempotencyKey: "plan:" + plan.ID + ":" + string(plan.CreditGrant.Window) + ":" + start.Format(time.DateOnly),
		Now:            now,
	}
}

// grantPresent gives a user the grant of the present window before credits are
// asked for, so that a window begins without any job.
func (s *Service) grantPresent(ctx context.Context, p authn.Principal, plan store.Plan, now time.Time) error {
	if plan.CreditGrant == nil {
		return nil
	}
	g := s.planGrant(p.Subject, p.Zone, plan, now)
	if key, ok := s.granted.Get(p.Subject); ok && key == g.IdempotencyKey {
		return nil
	}
	_, _, err := s.cfg.Store.CreditGrant(ctx, g)
	if errors.Is(err, store.ErrConflict) { // a balance that is full takes nothing, until some of it is spent
		return nil
	}
	if err == nil {
		s.granted.Add(p.Subject, g.IdempotencyKey)
	}
	return err
}

// grantIn does the same inside a transaction.
func (s *Service) grantIn(ctx context.Context, q store.Queries, user store.User, plan store.Plan, now time.Time) error {
	if plan.CreditGrant == nil {
		return nil
	}
	_, _, err := q.CreditGrant(ctx, s.planGrant(user.ID, user.Zone, plan, now))
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// GrantDue gives every user whose plan grants credits the grant of the present
// window in the account's time zone, unless they have it, and returns how many
// it gave. Those who ask for credits before it runs are given theirs then: it is
// for all others, so that balances show it. An account that fails is logged and
// does not stop the others; the error says how many did. It may run anywhere
// and at any time.
func (s *Service) GrantDue(ctx context.Context) (granted int, err error) {
	var faults []error
	page := store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst}
	for {
		plans, err := s.cfg.Store.PlanList(ctx, page)
		if err != nil {
			return granted, errors.Join(append(faults, err)...)
		}
		for _, plan := range plans.Items {
			if plan.CreditGrant == nil {
				continue
			}
			n, err := s.grantAll(ctx, plan)
			granted += n
			faults = append(faults, err)
		}
		if page.After = plans.Next; page.After.IsZero() {
			return granted, errors.Join(faults...)
		}
	}
}

// grantAll gives the grant of one plan to all who have it.
func (s *Service) grantAll(ctx context.Context, plan store.Plan) (granted int, err error) {
	failed := 0
	page := store.Page{Limit: creditChunk, Sort: store.OldestFirst}
	for {
		users, err := s.cfg.Store.PlanUsers(ctx, plan.ID, page)
		if err != nil {
			return granted, err
		}
		n, lost, err := apart(ctx, users.Items, func(ctx context.Context, users []store.User) (int, error) {
			return s.grantChunk(ctx, plan, users)
		}, func(u store.User, err error) {
			s.cfg.Logger.ErrorContext(ctx, "a plan's credits were not granted", "user", u.ID, "plan", plan.ID, "error", err)
		})
		granted, failed = granted+n, failed+lost
		if err != nil {
			return granted, err
		}
		if page.After = users.Next; page.After.IsZero() {
			break
		}
	}
	if failed > 0 {
		return granted, fmt.Errorf("metering: %d users of the plan %s were not granted their credits", failed, plan.ID)
	}
	return granted, nil
}

// grantChunk gives a grant to several users in one transaction. Each is looked
// at again inside it: one who has left the plan since gets nothing of it.
func (s *Service) grantChunk(ctx context.Context, plan store.Plan, users []store.User) (granted int, err error) {
	now := s.now()
	users = slices.DeleteFunc(slices.Clone(users), func(u store.User) bool {
		key, ok := s.granted.Peek(u.ID)
		return ok && key == s.planGrant(u.ID, u.Zone, plan, now).IdempotencyKey
	})
	if len(users) == 0 {
		return 0, nil
	}
	var given []store.Grant
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		granted, given = 0, nil
		for _, listed := range users {
			u, err := q.UserGet(ctx, listed.ID)
			if errors.Is(err, store.ErrNotFound) || err == nil && u.Plan != plan.ID {
				continue
			}
			if err != nil {
				return err
			}
			g := s.planGrant(u.ID, u.Zone, plan, now)
			_, replayed, err := q.CreditGrant(ctx, g)
			if err != nil {
				return err
			}
			if !replayed {
				granted++
			}
			given = append(given, g)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, g := range given {
		s.granted.Add(g.UserID, g.IdempotencyKey)
	}
	return granted, nil
}

// ExpireCredits writes down the grants that have ended and returns how many. It
// only keeps the ledger complete: what has ended is not spent, and does not
// count in a balance, whether or not it ran. An account that fails is logged and
// does not stop the others; the error says how many did.
func (s *Service) ExpireCredits(ctx context.Context) (ended int, err error) {
	now, failed := s.now(), 0
	var after store.Position
	for {
		grants, err := s.cfg.Store.CreditEnded(ctx, now, after, creditChunk)
		if err != nil {
			return ended, err
		}
		if len(grants) == 0 {
			break
		}
		users := make([]string, len(grants))
		for i, g := range grants {
			users[i], after = g.UserID, store.Position{At: g.ExpiresAt, ID: g.ID}
		}
		n, lost, err := apart(ctx, users, func(ctx context.Context, users []string) (int, error) {
			return s.cfg.Store.CreditExpire(ctx, users, now)
		}, func(user string, err error) {
			s.cfg.Logger.ErrorContext(ctx, "credits that ended were not written down", "user", user, "error", err)
		})
		ended, failed = ended+n, failed+lost
		if err != nil {
			return ended, err
		}
	}
	if failed > 0 {
		return ended, fmt.Errorf("metering: the ended credits of %d grants were not written down", failed)
	}
	return ended, nil
}

// apart does something to a chunk at once or, when that fails, to each of it
// alone, so that one at fault stops no other. It gives up when the database is
// away or ctx has ended.
func apart[T any](ctx context.Context, chunk []T, do func(context.Context, []T) (int, error), fault func(T, error)) (done, failed int, err error) {
	done, err = do(ctx, chunk)
	if err == nil || concernsAll(err) || ctx.Err() != nil {
		return done, 0, err
	}
	for i := range chunk {
		n, err := do(ctx, chunk[i:i+1])
		switch {
		case err == nil:
			done += n
		case concernsAll(err) || ctx.Err() != nil:
			return done, failed, err
		default:
			failed++
			fault(chunk[i], err)
		}
	}
	return done, failed, nil
}
