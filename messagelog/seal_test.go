package messagelog_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

func keyring(t *testing.T, seeds ...byte) *seal.Keyring {
	t.Helper()
	var keys []string
	for _, b := range seeds {
		keys = append(keys, base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
	}
	ring, err := seal.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestTextIsSealed(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	sealing := func(ring *seal.Keyring) *messagelog.Log {
		log := messagelog.New(messagelog.Config{Store: s, Clock: clock, Seal: ring})
		t.Cleanup(func() { log.Close() })
		return log
	}
	before := open(t, s)
	plain, err := before.Append(t.Context(), chat())
	if err != nil {
		t.Fatal(err)
	}
	old := sealing(keyring(t, 1))
	sealed, err := old.Append(t.Context(), chat())
	if err != nil || string(sealed.Request) != string(plain.Request) {
		t.Fatalf("Append = %+v, %v", sealed, err)
	}
	if again, err := old.Append(t.Context(), sealed); err != nil || !cmp.Equal(again, sealed) {
		t.Errorf("the repeat is %+v, %v", again, err)
	}
	raw, err := s.MessageGet(t.Context(), "usr_1", sealed.ID)
	if err != nil || strings.Contains(string(raw.Request)+string(raw.Response), "<hi>") {
		t.Errorf("stored is %s and %s, %v", raw.Request, raw.Response, err)
	}

	later := chat()
	later.ID = "enqueued"
	rotated := sealing(keyring(t, 2, 1))
	if err := rotated.Enqueue(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	mustClose(t, rotated)
	for _, id := range []string{plain.ID, sealed.ID, later.ID} {
		if m, err := rotated.Get(t.Context(), "usr_1", id); err != nil || string(m.Request) != string(plain.Request) {
			t.Errorf("%s reads %s, %v", id, m.Request, err)
		}
	}
	if list, err := rotated.List(t.Context(), store.MessageFilter{}, store.Page{}); err != nil || len(list.Items) != 3 {
		t.Errorf("List = %d, %v", len(list.Items), err)
	}
	if _, err := old.Get(t.Context(), "usr_1", later.ID); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without the key: %v", err)
	}
	if _, err := before.Get(t.Context(), "usr_1", later.ID); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without any key: %v", err)
	}
}

// Text that was moved to another message does not open there.
func TestSealedTextBelongsToItsRow(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := messagelog.New(messagelog.Config{Store: s, Clock: clock, Seal: keyring(t, 1)})
	defer log.Close()
	m, err := log.Append(t.Context(), chat())
	if err != nil {
		t.Fatal(err)
	}
	moved, err := s.MessageGet(t.Context(), "usr_1", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	moved.ID = "msg_moved"
	if _, err := s.MessageAppend(t.Context(), []store.Message{moved}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Get(t.Context(), "usr_1", moved.ID); !errors.Is(err, seal.ErrWrongPlace) {
		t.Errorf("moved text: %v", err)
	}
	moved.ID, moved.Request, moved.Response = "msg_swapped", moved.Response, moved.Request
	if _, err := s.MessageAppend(t.Context(), []store.Message{moved}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Get(t.Context(), "usr_1", moved.ID); !errors.Is(err, seal.ErrWrongPlace) {
		t.Errorf("swapped text: %v", err)
	}
}
