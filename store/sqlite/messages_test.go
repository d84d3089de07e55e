package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// Messages are in a file of their own, whose pages have room for them, and do
// not wait for whoever writes the other.
func TestMessagesHaveAFileOfTheirOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	s := openFile(t, path, nil)
	m := store.Message{ID: "msg_1", UserID: "usr_1", ConversationID: "con_1"}
	err := s.InTx(t.Context(), func(_ context.Context, _ store.Queries) error {
		_, err := s.MessageAppend(t.Context(), []store.Message{m})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if page, err := s.MessagesValue(t.Context(), "PRAGMA page_size"); err != nil || page != "16384" {
		t.Errorf("a page has %s bytes, %v", page, err)
	}
	beside := sqlite.MessagesPath(path)
	if info, err := os.Stat(beside); err != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(beside, "/usermgmt-messages.db") {
		t.Errorf("%s: %v", beside, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(t, path, nil).MessageGet(t.Context(), "usr_1", "msg_1"); err != nil {
		t.Error(err)
	}
}

// A file of messages that cannot be used is an error of Open, and the other file
// is left open by nobody.
func TestOpenRefusesABadFileOfMessages(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	if err := os.WriteFile(sqlite.MessagesPath(path), []byte(strings.Repeat("Dear diary, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), path, nil)
	if err == nil || !strings.Contains(err.Error(), "messages") || errors.Is(err, store.ErrClosed) {
		t.Errorf("Open: %v", err)
	}
}
