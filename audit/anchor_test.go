package audit_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

func (l *ledger) anchors() (all []store.AuditAnchor) {
	l.t.Helper()
	for a, err := range audit.NewAnchorFile(l.file).All(l.t.Context()) {
		l.must(err)
		all = append(all, a)
	}
	return all
}

func TestAnAnchorIsInTheFileAndInTheDatabase(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(1)
	made := []store.AuditAnchor{l.anchor()}
	l.change(1)
	made = append(made, l.anchor())
	if diff := cmp.Diff(made, l.anchors()); diff != "" {
		t.Error(diff)
	}
	kept, err := l.db.AuditAnchors(t.Context(), store.AuditMark, 99, 9)
	l.must(err)
	if diff := cmp.Diff([]store.AuditAnchor{made[1], made[0]}, kept); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(l.file)
	l.must(err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v", info.Mode())
	}
}

// The upkeep that anchors does not make the trail or its anchors grow by itself.
func TestAnAnchorIsMadeWhenTheTrailMoved(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	for want, changes := range []int{0, 1, 1} {
		l.change(changes)
		for range 3 {
			l.must(l.AnchorIfMoved(t.Context()))
		}
		if n := len(l.anchors()); n != want {
			t.Errorf("%d anchors, want %d", n, want)
		}
	}
	l.wants(audit.Verification{Events: 2, FromSeq: 1, ToSeq: 2, AnchoredSeq: 2})
	// One in the database that is not ours keeps nobody from anchoring.
	l.change(1)
	l.tamper("INSERT INTO audit_anchors VALUES ('mark', 3, x'00', 0, '', x'00')")
	l.must(l.AnchorIfMoved(t.Context()))
	l.wants(audit.Verification{Events: 3, FromSeq: 1, ToSeq: 3, AnchoredSeq: 3})
}

// An anchor that cannot be kept outside of the database is not made.
func TestAnAnchorThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(1)
	away := l.trail(func(c *audit.Config) { c.Anchors = audit.NewAnchorFile(filepath.Join(l.file, "no", "folder")) })
	if _, err := away.Anchor(t.Context()); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if kept, _ := l.db.AuditAnchors(t.Context(), store.AuditMark, 99, 9); len(kept) > 0 {
		t.Errorf("%+v", kept)
	}
	l.must(os.Mkdir(l.file, 0o700)) // which is no file
	if _, err := l.Verify(t.Context(), audit.VerifyOptions{}); err == nil {
		t.Error("anchors that cannot be read are no anchors")
	}
}

// Processes that anchor at the same time do not mix their lines, and one goes on
// behind what a crash cut short.
func TestAnAnchorFileIsAddedToByMany(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(path, []byte(`{"seq":1,"cha`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := audit.NewAnchorFile(path).Append(t.Context(), store.AuditAnchor{Seq: 1}); err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 25
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range each {
				a := store.AuditAnchor{Seq: int64(2 + i*each + n), Chain: make([]byte, 32), MAC: make([]byte, 32)}
				if err := audit.NewAnchorFile(path).Append(t.Context(), a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[int64]int{}
	for a, err := range audit.NewAnchorFile(path).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen[a.Seq]++
	}
	for seq := range int64(writers*each + 2) { // 0 is the one cut short
		if seen[seq] != 1 {
			t.Errorf("%d lines of %d", seen[seq], seq)
		}
	}
}
