package usermgmt_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

func register(t *testing.T, mgr *usermgmt.Manager, name string) {
	t.Helper()
	if _, err := mgr.Users().Create(t.Context(), usermgmt.System(), usermgmt.Registration{Username: name, Password: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
}

// A Manager leaves a trail whose end is anchored, which others verify that have
// no Manager, and of a backup as well.
func TestATrailIsVerifiedWithoutAManager(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	mgr := open(t, path)
	register(t, mgr, "alice")
	if err := mgr.Tasks().RunOnce(t.Context(), "audit.anchor"); err != nil {
		t.Fatal(err)
	}
	register(t, mgr, "bob")
	if v, err := mgr.Audit().Verify(t.Context(), audit.VerifyOptions{}); err != nil || !v.Valid || v.AnchoredSeq == 0 || v.AnchoredSeq >= v.ToSeq {
		t.Errorf("%+v %v", v, err)
	}
	if err := mgr.Close(); err != nil {
		t.Fatal(err)
	}
	v := verifyFile(t, usermgmt.Config{DatabaseURL: "sqlite:" + path}, path)
	if !v.Valid || v.Events < 2 || v.AnchoredSeq != v.ToSeq {
		t.Errorf("%+v %+v", v, v.FirstBad)
	}
	again := open(t, path)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(path + ".anchors")
	if err != nil || strings.Count(string(lines), "\n") != 2 {
		t.Errorf("two ends were anchored: %s %v", lines, err)
	}
}

// Whoever replaces the audit key in place of adding one is told at the start.
func TestAMissingAuditKeyIsToldAtTheStart(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	starts := 0
	start := func(keys ...string) string {
		var log bytes.Buffer
		mgr := open(t, path, func(cfg *usermgmt.Config) {
			cfg.AuditKeys, cfg.Logger = keys, slog.New(slog.NewTextHandler(&log, nil))
		})
		starts++
		register(t, mgr, "user"+strconv.Itoa(starts))
		if err := mgr.Close(); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	sum := sha256.Sum256([]byte("another"))
	old, added := strongSecret, hex.EncodeToString(sum[:])
	for _, keys := range [][]string{{old}, {added, old}, {added}} {
		if log := start(keys...); strings.Contains(log, "USERMGMT_AUDIT_KEYS") {
			t.Errorf("%d keys: %s", len(keys), log)
		}
	}
	if log := start(old); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "USERMGMT_AUDIT_KEYS") {
		t.Errorf("a missing key was not told: %s", log)
	}
}

// verifyFile verifies a file that is only read.
func verifyFile(t *testing.T, cfg usermgmt.Config, path string) audit.Verification {
	t.Helper()
	db, err := sqlite.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	trail, err := usermgmt.AuditTrail(cfg, db)
	if err != nil {
		t.Fatal(err)
	}
	defer trail.Close()
	v, err := trail.Verify(t.Context(), audit.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// kept are anchors of a host's own.
type kept struct{ all []store.AuditAnchor }

func (k *kept) Append(_ context.Context, a store.AuditAnchor) error {
	k.all = append(k.all, a)
	return nil
}

func (k *kept) All(context.Context) iter.Seq2[store.AuditAnchor, error] {
	return func(yield func(store.AuditAnchor, error) bool) {
		for _, a := range k.all {
			if !yield(a, nil) {
				return
			}
		}
	}
}

func TestAHostKeepsAnchorsOfItsOwn(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	anchors := new(kept)
	mgr := open(t, path, func(cfg *usermgmt.Config) { cfg.AuditAnchors = anchors })
	register(t, mgr, "alice")
	a, err := mgr.Audit().Anchor(t.Context())
	if err != nil || len(anchors.all) != 1 || anchors.all[0].Seq != a.Seq {
		t.Errorf("%+v %+v %v", a, anchors.all, err)
	}
	if v, err := mgr.Audit().Verify(t.Context(), audit.VerifyOptions{}); err != nil || v.AnchoredSeq != a.Seq {
		t.Errorf("%+v %v", v, err)
	}
	if _, err := os.Stat(path + ".anchors"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file, too: %v", err)
	}
}

// The trail is kept for as long as the Config says.
func TestTheTrailIsRetained(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	mgr := open(t, databasePath(t), func(cfg *usermgmt.Config) {
		cfg.AuditRetention = 24 * time.Hour
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	register(t, mgr, "alice")
	anchor, err := mgr.Audit().Anchor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(25 * time.Hour))
	register(t, mgr, "bob")
	if err := mgr.Tasks().RunOnce(t.Context(), "audit.retain"); err != nil {
		t.Fatal(err)
	}
	v, err := mgr.Audit().Verify(t.Context(), audit.VerifyOptions{})
	if err != nil || !v.Valid || v.FromSeq != anchor.Seq+1 || v.AnchoredSeq != anchor.Seq {
		t.Errorf("%+v %+v %v", v, v.FirstBad, err)
	}
}

func TestAuditSettings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "usermgmt.db")
	_, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, AuditRetention: time.Hour, AuditAnchorFile: folder + "/./usermgmt.db"})
	for _, name := range []string{"AUDIT_RETENTION", "AUDIT_ANCHOR_FILE"} {
		if err == nil || !strings.Contains(err.Error(), "USERMGMT_"+name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
	_, err = usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, AuditAnchorFile: filepath.Join(folder, "none", "anchors")})
	if err == nil || !strings.Contains(err.Error(), "USERMGMT_AUDIT_ANCHOR_FILE") {
		t.Errorf("a folder that is not there: %v", err)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(folder, "other.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := usermgmt.AuditTrail(usermgmt.Config{DatabaseURL: "sqlite:" + folder + "/other.db"}, db); err == nil || !strings.Contains(err.Error(), "USERMGMT_AUDIT_KEYS") {
		t.Errorf("keys that are not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "other.db.keys")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("keys were made: %v", err)
	}
}
