package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	idempotencyGet = `SELECT caller, route, key, body_hash, outcome, created_at, expires_at
		FROM idempotency_records WHERE caller = ?1 AND route = ?2 AND key = ?3 AND expires_at > ?4`
	idempotencyPut = `INSERT INTO idempotency_records
			(caller, route, key, body_hash, outcome, created_at, expires_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT (caller, route, key) DO UPDATE SET body_hash = excluded.body_hash, outcome = excluded.outcome,
			created_at = excluded.created_at, expires_at = excluded.expires_at
		WHERE idempotency_records.expires_at <= excluded.created_at`
	idempotencyPurge = `DELETE FROM idempotency_records WHERE (caller, route, key) IN (
		SELECT caller, route, key FROM idempotency_records WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)`
)

func findIdempotency(ctx context.Context, c Reader, caller, route, key string, now time.Time) (store.IdempotencyRecord, error) {
	return one(ctx, c, func(r scanner) (v store.IdempotencyRecord, err error) {
		err = r.Scan(&v.Caller, &v.Route, &v.Key, hashColumn{&v.BodyHash}, blobColumn{&v.Outcome},
			timeColumn{&v.CreatedAt}, timeColumn{&v.ExpiresAt})
		return v, err
	}, idempotencyGet, caller, route, key, micros(now))
}

// IdempotencyGet finds what is remembered at now.
func (q *Queries) IdempotencyGet(ctx context.Context, caller, route, key string, now time.Time) (store.IdempotencyRecord, error) {
	return read(ctx, q, func(c Reader) (store.IdempotencyRecord, error) {
		return findIdempotency(ctx, c, caller, route, key, now)
	})
}

func idempotencyValues(r store.IdempotencyRecord) []any {
	return []any{r.Caller, r.Route, r.Key, r.BodyHash[:], bytes(r.Outcome), micros(r.CreatedAt), micros(r.ExpiresAt)}
}

// IdempotencyPut remembers a request.
func (q *Queries) IdempotencyPut(ctx context.Context, r store.IdempotencyRecord) error {
	return q.mustChange(ctx, store.ErrConflict, idempotencyPut, idempotencyValues(r)...)
}

// IdempotencyPurge deletes records that expired before a time.
func (q *Queries) IdempotencyPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, idempotencyPurge, micros(before), limit)
	return int(n), err
}

// The verdict on a Reserve as it is remembered: the names outlive those of the
// fields.
type (
	verdictText struct {
		Reservation reservationText `json:"reservation"`
		Counters    []stateText     `json:"counters"`
		Balance     *balanceText    `json:"balance,omitempty"`
	}
	reservationText struct {
		ID        string                  `json:"id"`
		Subject   string                  `json:"subject"`
		Meter     string                  `json:"meter"`
		Amount    int64                   `json:"amount"`
		Status    store.ReservationStatus `json:"status"`
		Settled   int64                   `json:"settled"`
		Shortfall int64                   `json:"shortfall"`
		Refunded  int64                   `json:"refunded"`
		ExpiresAt time.Time               `json:"expires_at"`
		CreatedAt time.Time               `json:"created_at"`
		EndedAt   time.Time               `json:"ended_at"`
	}
	stateText struct {
		Subject  string       `json:"subject"`
		Meter    string       `json:"meter"`
		Window   store.Window `json:"window"`
		Start    time.Time    `json:"start"`
		Limit    int64        `json:"limit"`
		End      time.Time    `json:"end"`
		Used     int64        `json:"used"`
		Reserved int64        `json:"reserved"`
	}
	balanceText struct {
		Amount   int64 `json:"amount"`
		Reserved int64 `json:"reserved"`
	}
)

// rememberVerdict stores the verdict on a member that was admitted, with its
// charge.
func rememberVerdict(ctx context.Context, c Conn, id store.Idempotency, v store.ReserveResult, now time.Time) error {
	out := verdictText{Reservation: reservationText(v.Reservation), Balance: (*balanceText)(v.Balance)}
	for _, s := range v.Counters {
		out.Counters = append(out.Counters, stateText{Subject: s.Subject, Meter: s.Meter, Window: s.Window,
			Start: s.Start, Limit: s.Limit, End: s.End, Used: s.Used, Reserved: s.Reserved})
	}
	record := store.IdempotencyRecord{Idempotency: id, Outcome: []byte(object(out)), CreatedAt: now}
	n, err := exec(ctx, c, idempotencyPut, idempotencyValues(record)...)
	if err == nil && n == 0 {
		return store.ErrConflict
	}
	return err
}

// rememberedVerdict returns the verdict on an earlier request with the same key,
// or ErrNotFound.
func rememberedVerdict(ctx context.Context, c Reader, id store.Idempotency, now time.Time) (store.ReserveResult, error) {
	record, err := findIdempotency(ctx, c, id.Caller, id.Route, id.Key, now)
	if err != nil {
		return store.ReserveResult{}, err
	}
	if record.BodyHash != id.BodyHash {
		return store.ReserveResult{Refused: store.RefusedMismatch}, nil
	}
	var in verdictText
	if err := json.Unmarshal(record.Outcome, &in); err != nil {
		return store.ReserveResult{}, err
	}
	v := store.ReserveResult{Reservation: store.Reservation(in.Reservation), Balance: (*store.Balance)(in.Balance),
		Refused: store.Admitted, Replayed: true}
	for _, s := range in.Counters {
		v.Counters = append(v.Counters, store.CounterState{
			CounterLimit: store.CounterLimit{
				Counter: store.Counter{Subject: s.Subject, Meter: s.Meter, Window: s.Window, Start: s.Start},
				Limit:   s.Limit, End: s.End,
			},
			Used: s.Used, Reserved: s.Reserved,
		})
	}
	return v, nil
}
