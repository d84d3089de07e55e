package usermgmt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
)

func TestMessageSettings(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.New(t.Context(), usermgmt.Config{MessageBatchSize: -1, MessageBatchInterval: time.Hour,
		MessageWindow: -1, MessageMemoryLimit: 1, MessageMaxWait: -1, MessageRetention: time.Second})
	for _, name := range []string{"BATCH_SIZE", "BATCH_INTERVAL", "WINDOW", "MEMORY_LIMIT", "MAX_WAIT", "RETENTION"} {
		if err == nil || !strings.Contains(err.Error(), "USERMGMT_MESSAGE_"+name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
}

// What a host gave to Enqueue is there after Close, under the user's plan and
// sealed where that is configured.
func TestEnqueuedMessagesAreStored(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	cfg := usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4, MessageSeal: true}
	mgr, err := usermgmt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := mgr.Users().Register(t.Context(), usermgmt.Registration{Username: "alice", Email: "alice@example.com", Password: password}, usermgmt.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	m := usermgmt.Message{ID: "m-1", UserID: u.ID, Request: []byte(`[{"role":"user","content":"hi"}]`)}
	if err := mgr.Messages().Enqueue(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := mgr.Close(); err != nil {
		t.Fatal(err)
	}

	again, err := usermgmt.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	got, err := again.Messages().Get(t.Context(), u.ID, "m-1")
	if err != nil || got.Plan != "free" || string(got.Request) != string(m.Request) || got.Seq != 1 {
		t.Errorf("stored is %+v, %v", got, err)
	}
	if n := again.Messages().Stats().Lost; n != 0 {
		t.Errorf("%d are reported as lost after a clean end", n)
	}
}
