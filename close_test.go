package usermgmt_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// meeting is a store whose writes of messages and of key uses wait for each
// other, once each.
type meeting struct {
	store.Store
	messages, keys chan struct{} // closed when the write is there
}

func (s *meeting) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	close(s.messages)
	if err := await(ctx, s.keys); err != nil {
		return nil, err
	}
	return s.Store.MessageAppend(ctx, batch)
}

func (s *meeting) APIKeyUsed(ctx context.Context, uses []store.KeyUse) error {
	close(s.keys)
	if err := await(ctx, s.messages); err != nil {
		return err
	}
	return s.Store.APIKeyUsed(ctx, uses)
}

func await(ctx context.Context, there <-chan struct{}) error {
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return store.Unavailable(ctx.Err())
	}
}

// onStore is a Config with a store of its own, into which messages are written
// when the Manager is closed.
func onStore(t *testing.T, wrap func(store.Store) store.Store) func(*usermgmt.Config) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), databasePath(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return func(cfg *usermgmt.Config) {
		cfg.DatabaseURL, cfg.Store = "", wrap(s)
		cfg.SecretKeys, cfg.EncryptionKeys, cfg.AuditKeys = []string{strongSecret}, []string{encryptionKey}, []string{strongSecret}
		cfg.MessageBatchInterval = time.Minute
	}
}

// What has to be written does not wait for each other: all has the same time.
func TestCloseEndsAllAtOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, onStore(t, func(s store.Store) store.Store {
		return &meeting{Store: s, messages: make(chan struct{}), keys: make(chan struct{})}
	}))
	_, key := h.key(h.register("alice").text("access_token"))
	h.want(h.call("POST", "/v1/chat", key, nil), 200, "")
	if err := h.mgr.Messages().Enqueue(t.Context(), usermgmt.Message{UserID: "usr_1"}); err != nil {
		t.Fatal(err)
	}
	if err := h.mgr.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if s := h.mgr.Messages().Stats(); s.Stored != 1 {
		t.Errorf("%+v", s)
	}
}

// stuck is a store that writes no message before it is let go, and listens to no
// context.
type stuck struct {
	store.Store
	free chan struct{}
}

func (s stuck) MessageAppend(ctx context.Context, batch []store.Message) ([]store.Message, error) {
	<-s.free
	return s.Store.MessageAppend(ctx, batch)
}

// Close says what it gave up on.
func TestCloseGivesUpInTime(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	cfg := usermgmt.Config{CloseTimeout: 300 * time.Millisecond}
	onStore(t, func(s store.Store) store.Store { return stuck{s, free} })(&cfg)
	mgr, err := usermgmt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := mgr.Messages().Enqueue(t.Context(), usermgmt.Message{UserID: "usr_1"}); err != nil {
		t.Fatal(err)
	}
	err = mgr.Close()
	if err == nil || !strings.Contains(err.Error(), "gave up waiting for: messages") || !strings.Contains(err.Error(), "1 messages are not stored") {
		t.Errorf("Close = %v", err)
	}
	if again := mgr.Close(); !errors.Is(again, err) {
		t.Errorf("the second Close = %v", again)
	}
	close(free)
	if err := mgr.Messages().Close(); err == nil || !strings.Contains(err.Error(), "1 messages could not be stored") {
		t.Errorf("the log, when it was let go: %v", err)
	}
}
