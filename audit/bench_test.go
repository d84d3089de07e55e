package audit_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// BenchmarkAppend is one change in a transaction of its own: nothing but its
// event, and 64 of them in one, where the disk counts for less.
func BenchmarkAppend(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "usermgmt.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	trail, err := audit.New(audit.Config{Store: db, Keys: [][]byte{auditKey(1)}})
	if err != nil {
		b.Fatal(err)
	}
	defer trail.Close()
	for name, size := range map[string]int{"one": 1, "of 64": 64} {
		b.Run(name, func(b *testing.B) {
			for left := b.N; left > 0; left -= size {
				err := db.InTx(b.Context(), func(ctx context.Context, q store.Queries) error {
					for range min(size, left) {
						if err := trail.Append(ctx, q, suspension()); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
