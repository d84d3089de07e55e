package storetest

import (
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// dayOf is a counter of one user on a day of March 2026.
func dayOf(user string, day int) store.Counter {
	return store.Counter{Subject: user, Meter: "conversations", Window: store.Day, Start: date(day)}
}

func date(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }

func testHistory(t *testing.T, open Opener) {
	m := meter{open(t)}
	add := func(t *testing.T, amount int64, counters ...store.Counter) {
		t.Helper()
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: counters, Amount: amount}}))
	}
	history := func(t *testing.T, user string, from, until int) []store.UsagePoint {
		t.Helper()
		return got(m.UsageHistory(t.Context(), user, "conversations", date(from), date(until)))(t)
	}
	point := func(day int, used int64) store.UsagePoint {
		return store.UsagePoint{Meter: "conversations", Date: date(day), Used: used}
	}

	t.Run("UsageHistory/DaysOldestFirst", func(t *testing.T) {
		t.Parallel()
		user, other := newID("usr_"), newID("usr_")
		for day := range 4 {
			add(t, int64(day), dayOf(user, 10+day), dayOf(other, 10+day))
		}
		month, tokens := dayOf(user, 1), dayOf(user, 11)
		month.Window, tokens.Meter = store.Month, "tokens"
		add(t, 50, month, tokens)
		want(t, history(t, user, 1, 30), []store.UsagePoint{point(11, 1), point(12, 2), point(13, 3)})
		want(t, history(t, user, 12, 13), []store.UsagePoint{point(12, 2)})
		want(t, history(t, newID("usr_"), 1, 30), nil)
	})
	t.Run("MeterReset/StartsAnewAndKeepsTheHistory", func(t *testing.T) {
		t.Parallel()
		l := newCounter(10)
		r := lease(3, l)
		m.reserve(t, r, consume(7, l))
		want(t, refusals(m.reserve(t, consume(1, l))), []int{0})
		must(t, m.MeterReset(t.Context(), []store.Counter{l.Counter}))
		m.wantUsage(t, moment(1), l, 0, 3)
		want(t, refusals(m.reserve(t, consume(7, l), consume(1, l))), []int{-1, 0})
		m.settle(t, store.Settle{ID: r.ID, Amount: 2, Now: moment(5)})
		m.wantUsage(t, moment(5), l, 9, 0)
		points := got(m.UsageHistory(t.Context(), l.Subject, l.Meter, l.Start, l.Start.Add(time.Hour)))(t)
		want(t, points, []store.UsagePoint{{Meter: l.Meter, Date: l.Start, Used: 16}})
	})
	t.Run("MeterReset/NothingToReset", func(t *testing.T) {
		t.Parallel()
		must(t, m.MeterReset(t.Context(), nil))
		must(t, m.MeterReset(t.Context(), []store.Counter{newCounter(1).Counter}))
	})
	t.Run("MeterRefund/TakesFromTheHistory", func(t *testing.T) {
		t.Parallel()
		l := newCounter(10)
		r := lease(3, l)
		m.reserve(t, r, consume(2, l))
		m.settle(t, store.Settle{ID: r.ID, Amount: 3, Now: moment(5)})
		got(m.MeterRefund(t.Context(), store.Refund{ID: r.ID, Now: moment(6)}))(t)
		points := got(m.UsageHistory(t.Context(), l.Subject, l.Meter, l.Start, l.Start.Add(time.Hour)))(t)
		want(t, points, []store.UsagePoint{{Meter: l.Meter, Date: l.Start, Used: 2}})
	})
}

func testUsageOfAll(t *testing.T, open Opener) {
	m := meter{open(t)}
	add := func(amount int64, c store.Counter) {
		t.Helper()
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{c}, Amount: amount}}))
	}
	with := func(c store.Counter, meter string, w store.Window) store.Counter {
		c.Meter, c.Window = meter, w
		return c
	}
	anna, ben, zoe := newID("usr_a"), newID("usr_b"), newID("usr_z")
	add(5, dayOf(anna, 2))
	add(2, dayOf(ben, 2))
	add(4, dayOf(ben, 3))
	add(1, dayOf(zoe, 4))
	add(9, with(dayOf(zoe, 2), "tokens", store.Day))
	add(50, with(dayOf(zoe, 2), "conversations", store.Week))
	add(50, with(dayOf(zoe, 1), "conversations", store.Month))
	add(50, dayOf(newID("kfm_"), 2)) // the same units, counted for a key
	point := func(day int, meter string, used int64) store.UsagePoint {
		return store.UsagePoint{Meter: meter, Date: date(day), Used: used}
	}

	t.Run("UsageDays/SumsOfAllUsers", func(t *testing.T) {
		t.Parallel()
		want(t, got(m.UsageDays(t.Context(), "", date(1), date(4)))(t),
			[]store.UsagePoint{point(2, "conversations", 7), point(2, "tokens", 9), point(3, "conversations", 4)})
		want(t, got(m.UsageDays(t.Context(), "conversations", date(2), date(5)))(t),
			[]store.UsagePoint{point(2, "conversations", 7), point(3, "conversations", 4), point(4, "conversations", 1)})
		want(t, got(m.UsageDays(t.Context(), "tokens", date(3), date(9)))(t), nil)
	})
	t.Run("UsageTop/MostFirst", func(t *testing.T) {
		t.Parallel()
		want(t, got(m.UsageTop(t.Context(), "conversations", date(1), date(9), 9))(t),
			[]store.UserUsage{{UserID: ben, Used: 6}, {UserID: anna, Used: 5}, {UserID: zoe, Used: 1}})
		want(t, got(m.UsageTop(t.Context(), "conversations", date(2), date(3), 1))(t), []store.UserUsage{{UserID: anna, Used: 5}})
		want(t, got(m.UsageTop(t.Context(), "none", date(1), date(9), 9))(t), nil)
	})
	t.Run("UsageDays/QT-05 SumsNeverWrap", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		var batch []store.UsageAdd
		for range 1100 {
			c := store.Counter{Subject: newID("usr_"), Meter: "tokens", Window: store.Day, Start: date(1)}
			batch = append(batch, store.UsageAdd{Counters: []store.Counter{c}, Amount: store.MaxAmount})
		}
		if err := m.MeterAdd(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		all := []store.UsagePoint{{Meter: "tokens", Date: date(1), Used: store.MaxAmount}}
		want(t, got(m.UsageDays(t.Context(), "", date(1), date(2)))(t), all)
		want(t, got(m.UsageDays(t.Context(), "tokens", date(1), date(2)))(t), all)
	})
	t.Run("UsageDays/KeepsWhatResetsTake", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		c := dayOf(newID("usr_"), 2)
		must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{c}, Amount: 3}}))
		must(t, m.MeterReset(t.Context(), []store.Counter{c}))
		want(t, got(m.UsageDays(t.Context(), "", date(1), date(9)))(t), []store.UsagePoint{point(2, "conversations", 3)})
	})
}

func testUsagePurge(t *testing.T, open Opener) {
	t.Run("UsagePurge/OldWindowsOnly", func(t *testing.T) {
		t.Parallel()
		m := meter{open(t)}
		user := newID("usr_")
		for day := range 5 {
			must(t, m.MeterAdd(t.Context(), []store.UsageAdd{{Counters: []store.Counter{dayOf(user, 10+day)}, Amount: 1}}))
		}
		want(t, got(m.UsagePurge(t.Context(), date(10), 10))(t), 0)
		want(t, got(m.UsagePurge(t.Context(), date(13), 2))(t), 2)
		want(t, got(m.UsagePurge(t.Context(), date(13), 10))(t), 1)
		left := got(m.UsageHistory(t.Context(), user, "conversations", date(1), date(30)))(t)
		want(t, len(left), 2)
		want(t, left[0].Date, date(13))
	})
}
