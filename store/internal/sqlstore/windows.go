package sqlstore

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

const (
	windowPut = `INSERT INTO message_windows (id, held, until) VALUES (?1, ?2, ?3)
		ON CONFLICT (id) DO UPDATE SET held = excluded.held, until = excluded.until`
	windowEnd  = `DELETE FROM message_windows WHERE id = ?1`
	windowTake = `DELETE FROM message_windows WHERE until < ?1 RETURNING id, held, until`
)

// MessageWindowPut inserts, replaces or ends a window.
func (q *Queries) MessageWindowPut(ctx context.Context, w store.MessageWindow) error {
	if w.Rows == 0 {
		_, err := q.change(ctx, windowEnd, w.ID)
		return err
	}
	_, err := q.change(ctx, windowPut, w.ID, int64(w.Rows), micros(w.Until))
	return err
}

// MessageWindowTake deletes windows that have ended.
func (q *Queries) MessageWindowTake(ctx context.Context, now time.Time) ([]store.MessageWindow, error) {
	return write(ctx, q, func(c Conn) ([]store.MessageWindow, error) {
		return all(ctx, c, func(r scanner) (w store.MessageWindow, err error) {
			err = r.Scan(&w.ID, &w.Rows, timeColumn{&w.Until})
			return w, err
		}, windowTake, micros(now))
	})
}
