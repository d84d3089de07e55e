package quota

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

// planID names the plan of the account.
const planID = "doctor"

// Account is what is raced for.
type Account struct {
	Subject string `json:"subject"`
	Zone    string `json:"zone"`
	Limit   int64  `json:"limit"` // conversations a day
}

// zoneFarFromMidnight is a zone in which no new day begins soon: a limit would
// begin anew with it.
func zoneFarFromMidnight(now time.Time) string {
	if h := now.UTC().Hour(); h >= 6 && h < 18 {
		return "UTC"
	}
	return "Etc/GMT+12"
}

func (a Account) principal() authn.Principal {
	return authn.Principal{Subject: a.Subject, Kind: authn.KindUser, Plan: planID, Zone: store.Zone{Name: a.Zone}}
}

func (a Account) plan() store.Plan {
	return store.Plan{ID: planID, OnInterrupt: store.ChargeDelivered,
		Limits: []store.Limit{{Meter: metering.Conversations, Window: store.Day, Limit: a.Limit}}}
}

// meter returns the metering service that a host has, but that the plan of the
// account is not in the store.
func (a Account) meter(db store.Store) (*metering.Service, error) {
	versions := version.New()
	return metering.New(metering.Config{
		Store:       planApart{db, a.plan()},
		Door:        change.NewDoor(change.Config{Store: db, Trail: noTrail{}, Versions: versions, Origin: a.Subject, Clock: time.Now}),
		Versions:    versions,
		DefaultPlan: a.plan(),
	})
}

// planApart is a store with a plan that it does not keep.
type planApart struct {
	store.Store
	plan store.Plan
}

func (s planApart) PlanGet(ctx context.Context, id string) (store.Plan, error) {
	if id == s.plan.ID {
		return s.plan, nil
	}
	return s.Store.PlanGet(ctx, id)
}

// noTrail refuses every change that would be audited: a race makes none.
type noTrail struct{}

func (noTrail) Append(context.Context, store.Queries, store.Change) error {
	return errors.New("quota: a race changes nothing that is audited")
}
