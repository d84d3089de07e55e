package quota

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
)

const (
	lookEvery = 5 * time.Millisecond

	// lookAhead is how long before its end a lease is seen no more: between the
	// reading of a clock and that of the store, its place may be given away.
	lookAhead = time.Second
)

// judge watches a race and keeps its books.
type judge struct {
	Settings
	db      store.Store
	service *metering.Service
	account Account
	counter store.CounterLimit // of the limit
	report  Report

	peakLimit, peakCredits int64 // while others write the books
}

// newJudge gives the account its credits.
func newJudge(ctx context.Context, db store.Store, account Account, s Settings) (*judge, error) {
	service, err := account.meter(db)
	if err != nil {
		return nil, err
	}
	j := &judge{Settings: s, db: db, service: service, account: account}
	j.report = Report{Processes: s.Processes, Callers: s.Callers, Limit: Book{Units: s.Limit}, Credits: Book{Units: s.Credits}}
	usage, err := service.Usage(ctx, account.principal())
	if err == nil {
		j.counter = usage.Counters[0].CounterLimit
		_, _, err = db.CreditGrant(ctx, store.Grant{ID: ids.New(ids.Ledger), UserID: account.Subject, Amount: s.Credits,
			Mode: store.GrantAdd, Source: planID, Reason: "a race for it", Now: time.Now()})
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func (j *judge) close() error { return j.service.Close() }

// watchTheRace starts the processes, lets them race and looks at the books all
// the while.
func (j *judge) watchTheRace(ctx context.Context, url string, command Command) error {
	racers, err := j.launchAll(ctx, url, command)
	if err != nil {
		return err
	}
	timeIsUp := time.AfterFunc(j.Within, func() { endAll(racers) })
	defer timeIsUp.Stop()

	over := make(chan struct{})
	var watch sync.WaitGroup
	var unseen error
	watch.Go(func() { unseen = j.look(ctx, over) })
	began := time.Now()
	for _, p := range racers {
		_ = p.tell(true) // one that is gone is found out by listening to it
	}
	err = listenTo(racers, func(o outcome) { j.note(o, time.Since(began)) })
	close(over)
	watch.Wait()
	j.countTheKilled(racers)
	if ctx.Err() != nil {
		return ctx.Err() // which is also why the others ended
	}
	return errors.Join(err, unseen)
}

// launchAll starts all processes, or none. Those to be killed get the moment of
// it; one is left alive where there are several.
func (j *judge) launchAll(ctx context.Context, url string, command Command) ([]*process, error) {
	var all []*process
	for i := range j.Processes {
		requests := j.Requests*(i+1)/j.Processes - j.Requests*i/j.Processes
		p, err := launch(command(ctx), order{URL: url, Account: j.account, Callers: j.Callers, Requests: requests, Lease: j.Lease})
		if err != nil {
			for _, p := range all {
				p.abandon()
			}
			return nil, err
		}
		if j.Kill && i < (j.Processes+1)/2 {
			p.fatal = max(1, p.asked/10+rand.N(p.asked/2+1))
		}
		all = append(all, p)
	}
	return all, nil
}

// note keeps the books of one outcome.
func (j *judge) note(o outcome, at time.Duration) {
	j.report.took = at
	j.book(o.Meter).add(o)
	if o.Error != "" {
		j.report.Fault = o.Error
	}
}

func (j *judge) book(meter string) *Book {
	if meter == metering.Credits {
		return &j.report.Credits
	}
	return &j.report.Limit
}

// countTheKilled adds what nobody can know, to both books since it may be of
// either.
func (j *judge) countTheKilled(racers []*process) {
	r := &j.report
	if r.Seconds = r.took.Seconds(); r.Seconds > 0 {
		r.Rate = float64(r.Limit.verdicts()+r.Credits.verdicts()) / r.Seconds
	}
	for _, p := range racers {
		if p.killed {
			r.Killed++
		}
		n := int64(p.unanswered(j.Callers))
		r.Limit.Unknown += n
		r.Credits.Unknown += n
	}
}

// look notes the most that is in use or held at one moment, until the race is
// over.
func (j *judge) look(ctx context.Context, over <-chan struct{}) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		limit, credits, err := j.read(ctx, time.Now().Add(lookAhead))
		if err != nil {
			return err
		}
		j.peakLimit = max(j.peakLimit, limit.Used+limit.Reserved)
		j.peakCredits = max(j.peakCredits, j.Credits-credits.Amount+credits.Reserved)
		select {
		case <-over:
			return nil
		case <-again.C:
		}
	}
}

// read returns the counter of the limit, and the balance.
func (j *judge) read(ctx context.Context, now time.Time) (store.CounterState, store.Balance, error) {
	limit, err := j.db.MeterUsage(ctx, []store.CounterLimit{j.counter}, now)
	if err != nil {
		return store.CounterState{}, store.Balance{}, err
	}
	credits, err := j.db.CreditBalance(ctx, j.account.Subject, now)
	return limit[0], credits, err
}
