// Command messages measures the message log beside the bare engine: rows from
// Enqueue to committed, durable appends beside commits of one row each, what
// logging costs those who meter, and how long deleting old rows holds the write
// lock.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/bench"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// settings are the flags.
type settings struct {
	rounds, old int
	folder      string
}

func main() {
	var s settings
	parts := flag.String("parts", "enqueue,append,beside,delete", "what to measure")
	flag.IntVar(&s.rounds, "rounds", 5, "how often each is measured, in turn")
	flag.IntVar(&s.old, "old", 1_000_000, "how many rows to delete")
	flag.StringVar(&s.folder, "folder", "", "where to write; empty means the system's folder for such")
	flag.Parse()
	for part := range strings.SplitSeq(*parts, ",") {
		measure := map[string]func(context.Context, settings) error{
			"enqueue": enqueue, "append": appends, "beside": beside, "delete": deletes,
		}[part]
		if measure == nil {
			log.Fatalf("there is no part %q", part)
		}
		if err := measure(context.Background(), s); err != nil {
			log.Fatal(err)
		}
	}
}

// inFolder runs fn with a folder of its own.
func (s settings) inFolder(fn func(folder string) error) error {
	folder, err := os.MkdirTemp(s.folder, "messages")
	if err != nil {
		return err
	}
	return errors.Join(fn(folder), os.RemoveAll(folder))
}

// rate is rows a second.
func rate(rows int, took time.Duration) float64 { return float64(rows) / took.Seconds() }

// windows are what Enqueue is measured with: what a Log has by itself, what it
// may have, and as much as a transaction takes.
var windows = []int{0, 2000, bench.MessageBatch}

// enqueue measures rows a second from Enqueue to committed, with each window in
// the same round as the engine.
func enqueue(ctx context.Context, s settings) error {
	for _, size := range []int{200, 2048} {
		rows := 50_000
		if size > 1000 {
			rows = 20_000
		}
		rates, ratios := map[int][]float64{}, map[int][]float64{}
		var floor, bare []float64
		for range s.rounds {
			messages := bench.Messages(rows, size)
			indexed, plain, err := s.engine(ctx, messages)
			if err != nil {
				return err
			}
			floor, bare = append(floor, rate(rows, indexed)), append(bare, rate(rows, plain))
			for _, window := range windows {
				var took time.Duration
				err := s.inFolder(func(folder string) (err error) {
					took, err = bench.EnqueueAll(ctx, folder, messages, window)
					return err
				})
				if err != nil {
					return err
				}
				rates[window] = append(rates[window], rate(rows, took))
				ratios[window] = append(ratios[window], indexed.Seconds()/took.Seconds())
			}
		}
		fmt.Printf("Engine, %d B: %.0f rows/s; into a table without indexes %.0f\n", size, median(floor), median(bare))
		for _, window := range windows {
			fmt.Printf("Enqueue to committed, %d B, window %d: %.0f rows/s, ratio %.2f (best %.2f)\n",
				size, window, median(rates[window]), median(ratios[window]), slices.Max(ratios[window]))
		}
	}
	return nil
}

// engine measures the bare engine: into the same table, and into a plain one.
func (s settings) engine(ctx context.Context, messages []store.Message) (indexed, plain time.Duration, err error) {
	err = s.inFolder(func(folder string) error {
		engine, err := bench.OpenEngine(ctx, folder, messages)
		if err != nil {
			return err
		}
		if indexed, err = engine.CopyAll(ctx, "message_logs"); err != nil {
			return err
		}
		if plain, err = engine.CopyAll(ctx, "bare"); err != nil {
			return err
		}
		return engine.Close()
	})
	return indexed, plain, err
}

// appends measures durable appends.
func appends(ctx context.Context, s settings) error {
	for _, callers := range []int{64, 256} {
		var ours, floor, ratios []float64
		for range s.rounds {
			const rows, alone = 10_000, 300
			messages := bench.Messages(rows, 200)
			err := s.inFolder(func(folder string) error {
				took, err := bench.AppendAll(ctx, folder, messages, callers)
				if err != nil {
					return err
				}
				engine, err := bench.OpenEngine(ctx, folder, messages)
				if err != nil {
					return err
				}
				each, err := engine.CommitEach(ctx, alone)
				ours, floor = append(ours, rate(rows, took)), append(floor, rate(alone, each))
				ratios = append(ratios, rate(rows, took)/rate(alone, each))
				return errors.Join(err, engine.Close())
			})
			if err != nil {
				return err
			}
		}
		fmt.Printf("Durable appends, %d callers: %.0f rows/s; an insert with its own FULL commit %.0f, ratio %.1f\n",
			callers, median(ours), median(floor), median(ratios))
	}
	return nil
}

// beside measures durable leases while no messages are logged, and while they
// are logged as fast as they can be.
func beside(ctx context.Context, s settings) error {
	for _, logging := range []bool{false, true} {
		var waits []time.Duration
		logged := 0
		for range s.rounds {
			err := s.inFolder(func(folder string) error {
				w, n, err := consumeBeside(ctx, folder, logging)
				waits, logged = append(waits, w...), logged+n
				return err
			})
			if err != nil {
				return err
			}
		}
		fmt.Printf("Reserve, logging %v: n %d, p50 %v, p99 %v, max %v; %d messages logged\n",
			logging, len(waits), quantile(waits, 0.5), quantile(waits, 0.99), quantile(waits, 1), logged)
	}
	return nil
}

func consumeBeside(ctx context.Context, folder string, logging bool) (waits []time.Duration, logged int, err error) {
	main, err := sqlite.Open(ctx, filepath.Join(folder, "main.db"), nil)
	if err != nil {
		return nil, 0, err
	}
	defer main.Close()
	messages := messagelog.New(messagelog.Config{Store: main, MaxWait: time.Minute})
	until, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	var writing sync.WaitGroup
	if logging {
		writing.Go(func() {
			for until.Err() == nil {
				for _, m := range bench.Messages(5000, 2048) {
					m.ID = ""
					if messages.Enqueue(until, m) != nil {
						break
					}
				}
			}
		})
	}
	for until.Err() == nil {
		began := time.Now()
		now := began.UTC()
		_, err := main.MeterReserve(ctx, []store.Reserve{{ID: fmt.Sprint("res_", began.UnixNano()), Subject: "usr_1",
			Meter: "conversations", Amount: 1, Now: now, ExpiresAt: now.Add(time.Hour),
			Limits: []store.CounterLimit{{Counter: store.Counter{Subject: "usr_1", Meter: "conversations", Window: store.Day,
				Start: now.Truncate(24 * time.Hour)}, Limit: 1 << 40}}}})
		if err != nil {
			return nil, 0, err
		}
		waits = append(waits, time.Since(began))
		time.Sleep(2 * time.Millisecond)
	}
	writing.Wait()
	err = messages.Close()
	return waits, int(messages.Stats().Stored), err
}

// deletes measures how long each transaction of Retain takes.
func deletes(ctx context.Context, s settings) error {
	return s.inFolder(func(folder string) error {
		db, err := sqlite.Open(ctx, filepath.Join(folder, "old.db"), nil)
		if err != nil {
			return err
		}
		defer db.Close()
		for done := 0; done < s.old; {
			batch := bench.Messages(min(bench.MessageBatch, s.old-done), 200)
			for i := range batch {
				batch[i].ID = fmt.Sprintf("msg_%032x", done+i)
				batch[i].CreatedAt = time.Unix(1e9, int64(done+i)*1000)
			}
			if _, err := db.MessageAppend(ctx, batch); err != nil {
				return err
			}
			done += len(batch)
		}
		timed := &timedPurge{Store: db}
		messages := messagelog.New(messagelog.Config{Store: timed, Retention: time.Hour})
		began := time.Now()
		err = messages.Retain(ctx)
		fmt.Printf("Deleting %d rows: %v in %d transactions; each held the lock p50 %v, p90 %v, p99 %v, max %v\n", s.old,
			time.Since(began).Round(time.Second), len(timed.took), quantile(timed.took, 0.5), quantile(timed.took, 0.9),
			quantile(timed.took, 0.99), quantile(timed.took, 1))
		return errors.Join(err, messages.Close())
	})
}

type timedPurge struct {
	store.Store
	took []time.Duration
}

func (s *timedPurge) MessagePurge(ctx context.Context, p store.MessagePurge) (int, error) {
	began := time.Now()
	n, err := s.Store.MessagePurge(ctx, p)
	s.took = append(s.took, time.Since(began))
	return n, err
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}

func quantile(all []time.Duration, q float64) time.Duration {
	s := slices.Sorted(slices.Values(all))
	return s[min(len(s)-1, int(q*float64(len(s))))].Round(10 * time.Microsecond)
}
