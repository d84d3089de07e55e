package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	// What was counted before a reset is not in used any more.
	usageGiveBack = `UPDATE usage SET
			used    = CASE WHEN resets <> ?6 THEN used WHEN used > ?5 THEN used - ?5 ELSE 0 END,
			counted = CASE WHEN counted > ?5 THEN counted - ?5 ELSE 0 END
		WHERE subject = ?1 AND meter = ?2 AND period = ?3 AND started_at = ?4`
	usageReset = `UPDATE usage SET used = 0, resets = resets + 1
		WHERE subject = ?1 AND meter = ?2 AND period = ?3 AND started_at = ?4`
	usageHistory = `SELECT meter, started_at, counted FROM usage
		WHERE subject = ?1 AND meter = ?2 AND period = 'day' AND started_at >= ?3 AND started_at < ?4 AND counted > 0
		ORDER BY started_at`
	usagePurge = `DELETE FROM usage WHERE (subject, meter, period, started_at) IN (
		SELECT subject, meter, period, started_at FROM usage WHERE started_at < ?1 ORDER BY started_at LIMIT ?2)`
)

// usageAddTexts add to counters, which end at store.MaxAmount as usage.add does.
var usageAddTexts = inSizes(func(n int) string {
	return `INSERT INTO usage (subject, meter, period, started_at, used, counted) VALUES ` + tuples("(?, ?, ?, ?, ?, !)", n, 1) + `
		ON CONFLICT (subject, meter, period, started_at)
		DO UPDATE SET used = ` + cappedText("usage.used + excluded.used") + `, counted = ` + cappedText("usage.counted + excluded.counted")
})

// capped keeps a sum of two amounts that are counted within store.MaxAmount: an
// ending never fails, however much was used, and no sum of counters wraps.
func capped(sum int64) int64 { return min(sum, store.MaxAmount) }

// cappedText is capped in SQL.
func cappedText(sum string) string {
	return fmt.Sprintf("CASE WHEN %[1]s > %[2]d THEN %[2]d ELSE %[1]s END", sum, store.MaxAmount)
}

// cappedSum adds up a column of amounts for a report. The sum is exact up to
// store.MaxAmount, as far as a double counts, and no more than that.
func cappedSum(column string) string {
	return "CAST(" + cappedText("COALESCE(SUM(CAST("+column+" AS DOUBLE PRECISION)), 0)") + " AS BIGINT)"
}

// usage is units to be added to counters.
type usage map[counterKey]int64

func (u usage) add(k counterKey, amount int64) { u[k] = capped(u[k] + amount) }

// write adds the units, in an order that is the same everywhere.
func (u usage) write(ctx context.Context, c Conn) error {
	keys := slices.SortedFunc(maps.Keys(u), compareKeys)
	keys = slices.DeleteFunc(keys, func(k counterKey) bool { return u[k] == 0 })
	return inParts(keys, func(part []counterKey) error {
		args := make([]any, 0, 5*len(part))
		for _, k := range part {
			args = append(args, k.subject, k.meter, string(k.period), k.start, u[k])
		}
		_, err := exec(ctx, c, usageAddTexts[len(part)], args...)
		return err
	})
}

// MeterAdd counts units without a limit.
func (q *Queries) MeterAdd(ctx context.Context, batch []store.UsageAdd) error {
	used := usage{}
	for _, a := range batch {
		for _, k := range a.Counters {
			used.add(keyOf(k), a.Amount)
		}
	}
	if len(used) == 0 {
		return nil
	}
	return q.run.Write(ctx, func(c Conn) error { return used.write(ctx, c) })
}

// resetsTexts read which of some counters were reset, and how often.
var resetsTexts = inSizes(func(n int) string {
	return `SELECT subject, meter, period, started_at, resets FROM usage
		WHERE resets > 0 AND (subject, meter, period, started_at) IN (VALUES ` +
		tuples("(?, ?, ?, CAST(? AS BIGINT))", n, 1) + `)`
})

func readResets(ctx context.Context, c Reader, keys []counterKey) (map[counterKey]int64, error) {
	resets := map[counterKey]int64{}
	return resets, inParts(keys, func(part []counterKey) error {
		args := make([]any, 0, 4*len(part))
		for _, k := range part {
			args = append(args, k.subject, k.meter, string(k.period), k.start)
		}
		_, err := all(ctx, c, func(r scanner) (struct{}, error) {
			var k counterKey
			var n int64
			err := r.Scan(&k.subject, &k.meter, &k.period, &k.start, &n)
			resets[k] = n
			return struct{}{}, err
		}, resetsTexts[len(part)], args...)
		return err
	})
}

// MeterReset sets counters to 0.
func (q *Queries) MeterReset(ctx context.Context, counters []store.Counter) error {
	if len(counters) == 0 {
		return nil
	}
	keys := make([]counterKey, len(counters))
	for i, c := range counters {
		keys[i] = keyOf(c)
	}
	keys = inOrder(keys)
	return q.run.Write(ctx, func(c Conn) error {
		if err := q.lockCounters(ctx, c, keys); err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := exec(ctx, c, usageReset, k.subject, k.meter, string(k.period), k.start); err != nil {
				return err
			}
		}
		return nil
	})
}

// UsageHistory returns what was counted of a meter on each day.
func (q *Queries) UsageHistory(ctx context.Context, subject, meter string, from, until time.Time) ([]store.UsagePoint, error) {
	return read(ctx, q, func(c Reader) ([]store.UsagePoint, error) {
		return all(ctx, c, scanUsagePoint, usageHistory, subject, meter, micros(from), micros(until))
	})
}

func scanUsagePoint(r scanner) (p store.UsagePoint, err error) {
	err = r.Scan(&p.Meter, timeColumn{&p.Date}, &p.Used)
	return p, err
}

// UsagePurge deletes counters of windows that started before a date.
func (q *Queries) UsagePurge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, usagePurge, micros(before), limit)
	return int(n), err
}
