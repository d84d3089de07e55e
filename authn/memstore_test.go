package authn_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

// memStore keeps in memory what these tests need of a store. Transactions are
// serial and roll back. The hooks let a test stand inside a look-up.
type memStore struct {
	store.Base

	tx sync.Mutex // held by the running transaction
	mu sync.Mutex // guards everything below
	memData

	onLook func(ctx context.Context) error // runs in each look-up, after it has read
	looks  int
}

type memData struct {
	users    map[string]store.User
	sessions map[string]store.Session
	refresh  map[[32]byte]store.RefreshToken
	keys     map[string]store.APIKeyHash
	plans    map[string]store.Plan
	admins   map[string]store.Admin
	staff    map[string]store.Staff
	services map[string]store.ServiceKeyHash
	feed     []string
}

func newMemStore() *memStore {
	return &memStore{memData: memData{
		users:    map[string]store.User{},
		sessions: map[string]store.Session{},
		refresh:  map[[32]byte]store.RefreshToken{},
		keys:     map[string]store.APIKeyHash{},
		plans:    map[string]store.Plan{},
		admins:   map[string]store.Admin{},
		staff:    map[string]store.Staff{},
		services: map[string]store.ServiceKeyHash{},
	}}
}

func (d memData) clone() memData {
	return memData{
		maps.Clone(d.users), maps.Clone(d.sessions), maps.Clone(d.refresh),
		maps.Clone(d.keys), maps.Clone(d.plans), maps.Clone(d.admins), maps.Clone(d.staff), maps.Clone(d.services), slices.Clone(d.feed),
	}
}

func (m *memStore) InTx(ctx context.Context, fn func(ctx context.Context, q store.Queries) error) error {
	m.tx.Lock()
	defer m.tx.Unlock()
	m.mu.Lock()
	before := m.clone()
	m.mu.Unlock()
	err := fn(ctx, m)
	if err != nil {
		m.mu.Lock()
		m.memData = before
		m.mu.Unlock()
	}
	return err
}

func (m *memStore) setUser(change func(*store.User)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[alice]
	change(&u)
	m.users[alice] = u
}

// find looks a record up, or answers ErrNotFound.
func find[K comparable, V any](m *memStore, in map[K]V, key K) (V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := in[key]
	if !ok {
		return v, store.ErrNotFound
	}
	return v, nil
}

// looked counts a look-up and runs the hook.
func (m *memStore) looked(ctx context.Context) error {
	m.mu.Lock()
	m.looks++
	hook := m.onLook
	m.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx)
}

func (m *memStore) lookCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looks
}

func (m *memStore) setHook(hook func(context.Context) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onLook = hook
}

func (m *memStore) UserGet(_ context.Context, id string) (store.User, error) {
	return find(m, m.users, id)
}

func (m *memStore) SessionInsert(_ context.Context, s store.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.ID] = s
	return nil
}

func (m *memStore) SessionGet(_ context.Context, id string) (store.Session, error) {
	return find(m, m.sessions, id)
}

func (m *memStore) SessionWithUser(ctx context.Context, id string) (store.Session, store.User, error) {
	s, err := find(m, m.sessions, id)
	u, errUser := find(m, m.users, s.Subject)
	if hook := m.looked(ctx); hook != nil {
		return s, u, hook
	}
	return s, u, cmp.Or(err, errUser)
}

func (m *memStore) SessionUpdate(_ context.Context, s store.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.sessions[s.ID]
	old.LastSeen, old.IdleUntil, old.ReauthAt, old.IP, old.UserAgent = s.LastSeen, s.IdleUntil, s.ReauthAt, s.IP, s.UserAgent
	m.sessions[s.ID] = old
	return nil
}

func (m *memStore) SessionRevoke(_ context.Context, id string, at time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || !s.RevokedAt.IsZero() {
		return false, nil
	}
	s.RevokedAt = at
	m.sessions[id] = s
	return true, nil
}

func (m *memStore) SessionRevokeAll(ctx context.Context, subject, except string, at time.Time) ([]string, error) {
	m.mu.Lock()
	ids := slices.Sorted(maps.Keys(m.sessions))
	m.mu.Unlock()
	var ended []string
	for _, id := range ids {
		if s, _ := m.SessionGet(ctx, id); s.Subject != subject || id == except {
			continue
		}
		if ok, _ := m.SessionRevoke(ctx, id, at); ok {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

func (m *memStore) SessionList(_ context.Context, subject string, now time.Time, _ store.Page) (list store.List[store.Session], _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		if s := m.sessions[id]; s.Subject == subject && s.Live(now) {
			list.Items = append(list.Items, s)
		}
	}
	return list, nil
}

func (m *memStore) RefreshTokenInsert(_ context.Context, t store.RefreshToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.refresh[t.Hash]; ok {
		return store.ErrConflict
	}
	m.refresh[t.Hash] = t
	return nil
}

func (m *memStore) RefreshTokenGet(_ context.Context, hash [32]byte) (store.RefreshToken, error) {
	return find(m, m.refresh, hash)
}

func (m *memStore) RefreshTokenUse(_ context.Context, u store.RefreshUse) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.refresh[u.Hash]
	if !t.UsedAt.IsZero() {
		return false, nil
	}
	t.SuccessorHash, t.KeyID, t.UsedAt = u.SuccessorHash, u.KeyID, u.At
	m.refresh[u.Hash] = t
	return true, nil
}

func (m *memStore) RefreshTokenForget(_ context.Context, sessionID string, below int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.refresh, func(_ [32]byte, t store.RefreshToken) bool {
		return t.SessionID == sessionID && t.Seq < below
	})
	return nil
}

func (m *memStore) APIKeyInsert(_ context.Context, k store.APIKeyHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[k.ID] = k
	return nil
}

func (m *memStore) APIKeyGet(_ context.Context, userID, id string) (store.APIKey, error) {
	k, err := find(m, m.keys, id)
	if err == nil && k.UserID != userID {
		return store.APIKey{}, store.ErrNotFound
	}
	return k.APIKey, err
}

func (m *memStore) APIKeyWithUser(ctx context.Context, hash [32]byte) (store.APIKey, store.User, error) {
	m.mu.Lock()
	var found store.APIKey
	for _, k := range m.keys {
		if k.Hash == hash {
			found = k.APIKey
		}
	}
	u, ok := m.users[found.UserID]
	m.mu.Unlock()
	if hook := m.looked(ctx); hook != nil {
		return found, u, hook
	}
	if !ok {
		return found, u, store.ErrNotFound
	}
	return found, u, nil
}

func (m *memStore) APIKeyUpdate(_ context.Context, k store.APIKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.keys[k.ID]
	old.APIKey = k
	m.keys[k.ID] = old
	return nil
}

func (m *memStore) APIKeyCount(_ context.Context, userID string, now time.Time) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		lives := k.Status != store.Revoked && (k.EndsAt().IsZero() || k.EndsAt().After(now))
		if k.UserID == userID && lives {
			n++
		}
	}
	return n, nil
}

func (m *memStore) PlanGet(_ context.Context, id string) (store.Plan, error) {
	return find(m, m.plans, id)
}

func (m *memStore) FeedAppend(_ context.Context, _ string, _ time.Time, keys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feed = append(m.feed, keys...)
	return nil
}

// trail collects what a door would audit.
type trail struct {
	mu      sync.Mutex
	changes []store.Change
}

func (t *trail) Append(_ context.Context, _ store.Queries, c store.Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes = append(t.changes, c)
	return nil
}

// take returns the actions since the last call.
func (t *trail) take() (actions []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.changes {
		actions = append(actions, c.Action)
	}
	t.changes = nil
	return actions
}

const alice = "usr_alice"

// house is one instance with a store, a door and a clock that the test moves.
type house struct {
	*memStore
	versions *version.Table
	door     *change.Door
	trail    *trail

	clockMu sync.Mutex
	clock   time.Time
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{memStore: newMemStore(), trail: &trail{}, clock: noon}
	h.users[alice] = store.User{ID: alice, Username: "alice", Status: store.Active, Plan: "free", Zone: store.Zone{Name: "Europe/Berlin"}}
	h.plans["free"] = store.Plan{ID: "free", RateLimit: "20/s,burst=40"}
	h.open()
	return h
}

// open makes the parts that an instance has for itself.
func (h *house) open() {
	h.versions = version.New()
	h.door = change.NewDoor(change.Config{Store: h.memStore, Trail: h.trail, Versions: h.versions, Origin: "test", Clock: h.now})
}

func (h *house) now() time.Time {
	h.clockMu.Lock()
	defer h.clockMu.Unlock()
	return h.clock
}

func (h *house) advance(d time.Duration) {
	h.clockMu.Lock()
	defer h.clockMu.Unlock()
	h.clock = h.clock.Add(d)
}

func (m *memStore) SessionWithAdmin(ctx context.Context, id string) (store.Session, store.Admin, error) {
	s, err := find(m, m.sessions, id)
	a, errAdmin := find(m, m.admins, s.Subject)
	if hook := m.looked(ctx); hook != nil {
		return s, a, hook
	}
	return s, a, cmp.Or(err, errAdmin)
}

func (m *memStore) SessionWithStaff(ctx context.Context, id string) (store.Session, store.Staff, error) {
	s, err := find(m, m.sessions, id)
	a, errStaff := find(m, m.staff, s.Subject)
	if hook := m.looked(ctx); hook != nil {
		return s, a, hook
	}
	return s, a, cmp.Or(err, errStaff)
}

func (m *memStore) ServiceKeyInsert(_ context.Context, k store.ServiceKeyHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.services[k.ID] = k
	return nil
}

func (m *memStore) ServiceKeyGet(_ context.Context, id string) (store.ServiceKey, error) {
	k, err := find(m, m.services, id)
	return k.ServiceKey, err
}

func (m *memStore) ServiceKeyByHash(ctx context.Context, hash [32]byte) (found store.ServiceKey, err error) {
	m.mu.Lock()
	err = store.ErrNotFound
	for _, k := range m.services {
		if k.Hash == hash {
			found, err = k.ServiceKey, nil
		}
	}
	m.mu.Unlock()
	if hook := m.looked(ctx); hook != nil {
		return found, hook
	}
	return found, err
}

func (m *memStore) ServiceKeyUpdate(_ context.Context, k store.ServiceKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.services[k.ID]
	old.ServiceKey = k
	m.services[k.ID] = old
	return nil
}
