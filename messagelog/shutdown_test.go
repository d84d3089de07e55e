package messagelog_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/usermgmt/usermgmt/store"
)

// TestCase_AU_06_L1_CloseUnderLoad closes the log while ten thousand messages
// are on their way. Each that was acknowledged is there, once; none that was
// refused is; the places of a conversation have no gap, and are in the order in
// which its messages were sent.
func TestCase_AU_06_L1_CloseUnderLoad(t *testing.T) {
	t.Parallel()
	const conversations, each = 100, 100
	folder := t.TempDir()
	log := open(t, openStore(t, folder))
	acknowledged := make([][]store.Message, conversations)
	var wg sync.WaitGroup
	underway := make(chan struct{}, conversations*each)
	for i := range conversations {
		wg.Go(func() {
			for n := range each {
				m := chat()
				m.ID, m.ConversationID = fmt.Sprintf("m-%d-%d", i, n), fmt.Sprint("c-", i)
				stored, err := log.Append(t.Context(), m)
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("Append = %v", err)
					return
				}
				acknowledged[i] = append(acknowledged[i], stored)
				underway <- struct{}{}
			}
		})
	}
	for range conversations * each / 4 {
		<-underway
	}
	if err := log.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	wg.Wait()

	after := open(t, openStore(t, folder))
	total := 0
	for i, sent := range acknowledged {
		filter := store.MessageFilter{UserID: "usr_1", ConversationID: fmt.Sprint("c-", i)}
		list, err := after.List(t.Context(), filter, store.Page{Limit: store.MaxLimit, Sort: store.OldestFirst})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(list.Items, func(a, b store.Message) int { return int(a.Seq - b.Seq) })
		if len(list.Items) != len(sent) {
			t.Fatalf("conversation %d has %d messages, %d were acknowledged", i, len(list.Items), len(sent))
		}
		for n, m := range list.Items {
			if m.ID != sent[n].ID || m.Seq != int64(n+1) || m.Seq != sent[n].Seq {
				t.Errorf("place %d of conversation %d is %s with %d, acknowledged %s with %d", n+1, i, m.ID, m.Seq, sent[n].ID, sent[n].Seq)
			}
		}
		total += len(sent)
	}
	if total < conversations*each/4 || total == conversations*each {
		t.Errorf("%d of %d were acknowledged: Close came at the wrong time", total, conversations*each)
	}
}
