package sqlite_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func openBench(b *testing.B) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "usermgmt.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkReserveAndSettle is one lease by each of many users, durable before
// the answer. An operation is one lease, whatever the batch.
func BenchmarkReserveAndSettle(b *testing.B) {
	for _, size := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := openBench(b)
			now := time.Unix(1e9, 0)
			reserves, settles := make([]store.Reserve, size), make([]store.Settle, size)
			for n := 0; b.Loop(); n++ {
				i := n % size
				id := fmt.Sprintf("res_%012d", n)
				limit := store.CounterLimit{Limit: 1 << 40, Counter: store.Counter{
					Subject: fmt.Sprintf("usr_%06d", n%100_000), Meter: "conversations", Window: store.Day, Start: now}}
				reserves[i] = store.Reserve{ID: id, Subject: limit.Subject, Meter: limit.Meter, Amount: 1,
					Limits: []store.CounterLimit{limit}, Now: now.Add(time.Duration(n) * time.Microsecond), ExpiresAt: now.Add(time.Hour)}
				settles[i] = store.Settle{ID: id, Amount: 1, Now: now}
				if i < size-1 {
					continue
				}
				if _, err := s.MeterReserve(b.Context(), reserves); err != nil {
					b.Fatal(err)
				}
				if _, err := s.MeterSettle(b.Context(), settles); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAPIKeyWithUser is the look-up of a key that is not cached.
func BenchmarkAPIKeyWithUser(b *testing.B) {
	s := openBench(b)
	const users = 1000
	hash := func(i int) [32]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	for i := range users {
		u := store.User{ID: fmt.Sprint("usr_", i), Metadata: json.RawMessage(`{}`)}
		if err := s.UserInsert(b.Context(), u); err != nil {
			b.Fatal(err)
		}
		k := store.APIKey{ID: fmt.Sprint("key_", i), UserID: u.ID, Scopes: []string{"usage:read"}}
		if err := s.APIKeyInsert(b.Context(), store.APIKeyHash{APIKey: k, Hash: hash(i)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := s.APIKeyWithUser(b.Context(), hash(i%users)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMessageAppend is log rows of about 200 bytes in batches of 5,000. An
// operation is one row.
func BenchmarkMessageAppend(b *testing.B) {
	s := openBench(b)
	const size = 5000
	text := json.RawMessage(`[{"role":"user","content":"` + strings.Repeat("x", 70) + `"}]`)
	batch := make([]store.Message, size)
	for n := 0; b.Loop(); n++ {
		batch[n%size] = store.Message{ID: fmt.Sprintf("msg_%012d", n), UserID: fmt.Sprint("usr_", n%1000),
			ConversationID: fmt.Sprint("con_", n%5000), Request: text, Response: text, Status: "ok",
			CreatedAt: time.Unix(1e9, int64(n)*1000)}
		if n%size == size-1 {
			if _, err := s.MessageAppend(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}
