package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/metering"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// consumers is among how many users the callers choose.
const consumers = 10_000

// Consumes are durable consumes that count in a user's day, by 64 and by 256
// callers on two CPUs, beside what they are made of: an UPDATE of one row that
// is committed and synced alone.
func (h *House) Consumes(ctx context.Context) ([]Case, error) {
	floor, err := sqlite.Open(ctx, filepath.Join(filepath.Dir(h.path), "floor.db"), nil)
	if err != nil {
		return nil, err
	}
	h.conns = append(h.conns, floor)
	if _, err := floor.Exec(ctx, `CREATE TABLE floor (id INTEGER PRIMARY KEY, used INTEGER NOT NULL)`); err != nil {
		return nil, err
	}
	if _, err := floor.Exec(ctx, `WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
		INSERT INTO floor SELECT id, 0 FROM n`, consumers); err != nil {
		return nil, err
	}
	own := func() {
		if _, err := floor.Exec(ctx, `UPDATE floor SET used = used + 1 WHERE id = ?1`, rand.IntN(consumers)); err != nil {
			panic(err)
		}
	}
	consume := func() {
		p := authn.Principal{Subject: fmt.Sprint("usr_", rand.IntN(consumers)), Kind: authn.KindUser, Plan: plan}
		if _, err := h.Manager.Metering().Consume(ctx, p, metering.Charge{Meter: metering.Conversations, Amount: 1}); err != nil {
			panic(err)
		}
	}
	return []Case{
		{Name: OwnCommit, Worker: func() func() { return own }},
		{Name: Consume64, Worker: func() func() { return consume }, Callers: 32},
		{Name: Consume256, Worker: func() func() { return consume }, Callers: 128},
	}, nil
}
