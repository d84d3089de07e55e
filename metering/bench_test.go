package metering_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

const benchUsers = 1000

// share lets callers do b.N things together.
func share(b *testing.B, callers int, do func()) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				do()
			}
		})
	}
	wg.Wait()
}

func someUser() authn.Principal {
	p := ann
	p.Subject = fmt.Sprint("usr_", rand.IntN(benchUsers))
	return p
}

// A durable lease, alone and among many callers.
func BenchmarkReserve(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, daily(store.Unlimited))
			share(b, callers, func() {
				if _, _, err := s.Reserve(b.Context(), someUser(), metering.Conversations, 1, time.Minute); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// A durable consume against the limit of a day, beside its floor: an UPDATE of
// one row that is committed and synced alone.
func BenchmarkConsume(b *testing.B) {
	b.Run("floor", benchOwnCommit)
	for name, user := range map[string]func() authn.Principal{"many users": someUser, "one user": func() authn.Principal { return ann }} {
		for _, callers := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s, callers=%d", name, callers), func(b *testing.B) {
				s := open(b, daily(store.MaxAmount))
				share(b, callers, func() {
					if _, err := s.Consume(b.Context(), user(), units(1)); err != nil {
						b.Error(err)
					}
				})
			})
		}
	}
}

func benchOwnCommit(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "floor.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		if _, err := db.Exec(b.Context(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(`CREATE TABLE floor (id INTEGER PRIMARY KEY, used INTEGER NOT NULL)`)
	for i := range benchUsers {
		exec(`INSERT INTO floor VALUES (?1, 0)`, i)
	}
	share(b, 1, func() { exec(`UPDATE floor SET used = used + 1 WHERE id = ?1`, rand.IntN(benchUsers)) })
}
