package audit_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory keeps events as a driver would. It can be made to fail, and to wait.
type memory struct {
	store.Base
	mu      sync.Mutex
	events  []store.AuditEvent
	err     error
	entered chan struct{} // when not nil, an insert announces itself here ...
	gate    chan struct{} // ... and goes on when it can receive
}

func (m *memory) AuditInsert(_ context.Context, events []store.AuditEvent, _ store.AuditLink) error {
	if m.entered != nil {
		m.entered <- struct{}{}
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) AuditList(_ context.Context, f store.AuditFilter, p store.Page) (store.List[store.AuditEvent], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list store.List[store.AuditEvent]
	for _, e := range m.events {
		if f.Action == "" || f.Action == e.Action {
			list.Items = append(list.Items, e)
		}
	}
	return list, nil
}

// What a trail is verified with finds nothing.
func (m *memory) AuditSequence(context.Context, int, store.AuditLink) (int, error) { return 0, nil }

func (m *memory) AuditHead(context.Context) (store.AuditHead, error) { return store.AuditHead{}, nil }

func (m *memory) AuditAfter(context.Context, int64, int) ([]store.AuditEvent, error) { return nil, nil }

func (m *memory) AuditAnchors(context.Context, store.AuditAnchorKind, int64, int) ([]store.AuditAnchor, error) {
	return nil, nil
}

func (m *memory) stored() []store.AuditEvent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func auditKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// newTrail makes a trail at noon that is closed with the test.
func newTrail(t *testing.T, m *memory, change ...func(*audit.Config)) *audit.Trail {
	t.Helper()
	cfg := audit.Config{Store: m, Keys: [][]byte{auditKey(1)}, Clock: func() time.Time { return noon }}
	for _, c := range change {
		c(&cfg)
	}
	trail, err := audit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trail.Close() })
	return trail
}

func failedSignIn(ip string) store.Change {
	return store.Change{
		Action: "user.login_failed",
		Actor:  store.Actor{Kind: store.ActorAnonymous, IP: ip},
		Target: store.Target{Kind: "user", ID: "usr_1"},
		Result: store.Failed,
	}
}
