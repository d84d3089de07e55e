package sqlstore

import (
	"context"

	"github.com/usermgmt/usermgmt/store"
)

const (
	settingGet = `SELECT name, value, updated_at, updated_by FROM settings WHERE name = ?1`
	settingPut = `INSERT INTO settings (name, value, updated_at, updated_by) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
			updated_by = excluded.updated_by`
)

// SettingGet finds a setting by its name.
func (q *Queries) SettingGet(ctx context.Context, name string) (store.Setting, error) {
	return get(ctx, q, func(r scanner) (s store.Setting, err error) {
		err = r.Scan(&s.Name, &s.Value, timeColumn{&s.UpdatedAt}, &s.UpdatedBy)
		return s, err
	}, settingGet, name)
}

// SettingPut inserts or replaces.
func (q *Queries) SettingPut(ctx context.Context, s store.Setting) error {
	_, err := q.change(ctx, settingPut, s.Name, s.Value, micros(s.UpdatedAt), s.UpdatedBy)
	return err
}
