package tasks_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// Two instances run for ten days. They die at any moment, also between the work
// of a task and its commit, and between the commit and its answer; now and then
// one is paused for two minutes when it has claimed a run and not yet begun.
func TestCase_RL_08_R3_TheEffectHappensOnceAPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		work := []tasks.Task{
			{Name: "reset", DailyAt: &tasks.TimeOfDay{Zone: berlin}, Once: effect("reset")},
			{Name: "reminder", DailyAt: &tasks.TimeOfDay{Hour: 9, Minute: 30, Zone: berlin}, Once: effect("reminder")},
			{Name: "cleanup", Every: 3 * time.Hour, Once: effect("cleanup")},
		}
		const days = 10
		end := began.Add(days * 24 * time.Hour)
		a, b := openTwo(t)
		kills := [2]int{}
		done := make(chan struct{})
		for i, s := range []store.Store{a, b} {
			own := rand.New(rand.NewPCG(random.Uint64(), 0))
			go func() {
				kills[i] = livesUntil(t, end, s, work, own)
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		t.Logf("%d and %d deaths", kills[0], kills[1])

		counts := effects(t, a)
		want := func(name string, due time.Time) {
			t.Helper()
			if n := counts[keyOf(name, due)]; n != 1 {
				t.Errorf("%s took effect %d times", keyOf(name, due), n)
			}
			delete(counts, keyOf(name, due))
		}
		for due := began; due.Before(end.Add(-time.Hour)); due = due.Add(3 * time.Hour) {
			want("cleanup", due)
		}
		for i := range days {
			date := began.In(berlin).AddDate(0, 0, i)
			want("reset", time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, berlin))
			want("reminder", time.Date(date.Year(), date.Month(), date.Day(), 9, 30, 0, 0, berlin))
		}
		for key, n := range counts { // at the edges of the ten days
			if n > 1 {
				t.Errorf("%s took effect %d times", key, n)
			}
		}
	})
}

// livesUntil runs a process that dies and is started again, and returns how
// often it died.
func livesUntil(t *testing.T, end time.Time, s store.Store, work []tasks.Task, random *rand.Rand) (deaths int) {
	minutes := func(n int) time.Duration { return time.Duration(random.Int64N(int64(n) * int64(time.Minute))) }
	for time.Now().Before(end) {
		ctx, cancel := context.WithDeadline(t.Context(), end)
		life := &instance{Store: s, die: cancel}
		switch random.IntN(6) {
		case 0:
			life.dieBefore.Store(true)
		case 1:
			life.dieAfterwards.Store(true)
		case 2:
			life.pause.Store(int64(2 * time.Minute))
		}
		death := time.AfterFunc(minutes(300), life.kill)
		r := newRunner(t, tasks.Config{Store: life, Tasks: work, Logger: slog.New(slog.DiscardHandler)})
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
		death.Stop()
		cancel()
		deaths++
		<-time.After(minutes(15))
	}
	return deaths
}
