package authn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// useStore collects the writes of last uses.
type useStore struct {
	store.Base
	mu     sync.Mutex
	writes [][]store.KeyUse
	err    error
	room   int // after so many writes the next ones fail; 0 means never
}

func (s *useStore) APIKeyUsed(_ context.Context, uses []store.KeyUse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room > 0 && len(s.writes) == s.room {
		return errors.New("the disk is full")
	}
	if s.err == nil {
		s.writes = append(s.writes, uses)
	}
	return s.err
}

func (s *useStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *useStore) take() [][]store.KeyUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	writes := s.writes
	s.writes = nil
	return writes
}

func TestCase_L8_UsesAreWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &useStore{}
		u := authn.NewKeyUses(authn.KeyUsesConfig{Store: s})
		for i := range 100 {
			u.Note("key_b", noon.Add(time.Duration(i)*time.Second))
			u.Note("key_a", noon)
			u.Note("key_b", noon) // later calls may carry earlier times
		}
		<-time.After(59 * time.Second) // the bubble's clock
		if got := s.take(); len(got) != 0 {
			t.Errorf("written within the minute: %v", got)
		}
		<-time.After(2 * time.Second)
		want := []store.KeyUse{{ID: "key_a", At: noon}, {ID: "key_b", At: noon.Add(99 * time.Second)}}
		if got := s.take(); len(got) != 1 || !slices.Equal(got[0], want) {
			t.Errorf("written %v, want %v in one write", got, want)
		}
		<-time.After(5 * time.Minute)
		if got := s.take(); len(got) != 0 {
			t.Errorf("written without a use: %v", got)
		}
		u.Note("key_a", noon.Add(time.Hour))
		for range 2 {
			if err := u.Close(); err != nil {
				t.Error(err)
			}
		}
		if got := s.take(); len(got) != 1 || len(got[0]) != 1 {
			t.Errorf("Close wrote %v, want what was left", got)
		}
	})
}

func TestUsesThatCannotBeWrittenAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &useStore{}
		down := errors.New("disk full")
		s.fail(down)
		u := authn.NewKeyUses(authn.KeyUsesConfig{Store: s})
		u.Note("key_a", noon)
		u.Note("key_b", noon)
		if err := u.Flush(t.Context()); !errors.Is(err, down) {
			t.Errorf("Flush = %v", err)
		}
		u.Note("key_b", noon.Add(time.Second))
		<-time.After(2 * time.Minute)
		s.fail(nil)
		if err := u.Close(); err != nil {
			t.Error(err)
		}
		want := []store.KeyUse{{ID: "key_a", At: noon}, {ID: "key_b", At: noon.Add(time.Second)}}
		if got := s.take(); len(got) != 1 || !slices.Equal(got[0], want) {
			t.Errorf("written %v, want %v", got, want)
		}
	})
}

// TestAFailedFlushKeepsTheRest fails in the third transaction: what the first
// two wrote is not written again.
func TestAFailedFlushKeepsTheRest(t *testing.T) {
	t.Parallel()
	s := &useStore{room: 2}
	u := authn.NewKeyUses(authn.KeyUsesConfig{Store: s})
	for i := range 1700 {
		u.Note(fmt.Sprintf("key_%04d", i), noon)
	}
	if err := u.Flush(t.Context()); err == nil {
		t.Error("a flush that failed says nothing")
	}
	s.room = 0
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	all := slices.Concat(s.take()...)
	for i, use := range all {
		if use.ID != fmt.Sprintf("key_%04d", i) {
			t.Fatalf("%d is %s", i, use.ID)
		}
	}
	if len(all) != 1700 {
		t.Errorf("%d uses written", len(all))
	}
}

func TestUsesAreBounded(t *testing.T) {
	t.Parallel()
	s := &useStore{}
	u := authn.NewKeyUses(authn.KeyUsesConfig{Store: s})
	for i := range 100_001 {
		u.Note(fmt.Sprint("key_", i), noon)
	}
	u.Note("key_0", noon.Add(time.Second))
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	writes := s.take()
	for _, write := range writes {
		if len(write) > 500 {
			t.Fatalf("one transaction writes %d keys, and everybody waits", len(write))
		}
	}
	all := slices.Concat(writes...)
	if len(all) != 100_000 || !slices.IsSortedFunc(all, func(a, b store.KeyUse) int { return strings.Compare(a.ID, b.ID) }) {
		t.Fatalf("%d uses, not 100,000 in order", len(all))
	}
	if !all[0].At.After(noon) {
		t.Error("a full table forgot the use of a key that it has")
	}
}
