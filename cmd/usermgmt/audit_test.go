package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/audit"
)

// trailed makes a database with some changes in it.
func trailed(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "usermgmt.db")
	mgr, err := usermgmt.New(t.Context(), usermgmt.Config{DatabaseURL: "sqlite:" + path, BcryptCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		if _, err := mgr.Users().Create(t.Context(), usermgmt.System(), usermgmt.Registration{Username: name, Password: "correct horse battery"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mgr.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func tamper(t *testing.T, path, statement string) {
	t.Helper()
	driver := "sqlite" // in pure Go
	if slices.Contains(sql.Drivers(), "sqlite3") {
		driver = "sqlite3"
	}
	db, err := sql.Open(driver, "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestCase_AU_04_AuditVerifyFindsTheEvent(t *testing.T) {
	t.Parallel()
	path := trailed(t)
	url := "-database=sqlite:" + path
	s := execute(t, nil, "audit", "verify", url)
	if s.code != exitOK || !strings.HasSuffix(s.out, "\nvalid\n") || !strings.Contains(s.out, "outside of the database agrees up to 4") {
		t.Fatalf("exit %d: %s %s", s.code, s.out, s.err)
	}
	s = execute(t, nil, "audit", "anchor", url)
	if s.code != exitOK || s.out != "anchored up to event 5\n" {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	s = execute(t, nil, "audit", "verify", url, "-from-anchor", "-json")
	var v audit.Verification
	if err := json.Unmarshal([]byte(s.out), &v); err != nil || s.code != exitOK || !v.Valid || v.FromSeq != 5 || v.AnchoredSeq != 5 {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	tamper(t, path, "UPDATE audit_events SET action = 'user.delete' WHERE seq = 3")
	s = execute(t, nil, "audit", "verify", url)
	if s.code != exitWrong || !strings.Contains(s.out, "NOT valid: event 3 (aud_") || !strings.Contains(s.out, "(edited)") || s.err != "" {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	tamper(t, path, "DELETE FROM audit_events WHERE seq = 3")
	if s = execute(t, nil, "audit", "verify", url); s.code != exitWrong || !strings.Contains(s.out, "NOT valid: event 3 is gone") {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
}

// A copy elsewhere is verified with the keys and the anchors of the original.
func TestAuditVerifyOfACopy(t *testing.T) {
	t.Parallel()
	path := trailed(t)
	folder := t.TempDir()
	copied := filepath.Join(folder, "copy.db")
	tamper(t, path, "VACUUM INTO '"+copied+"'")
	if err := os.Chmod(copied, 0o400); err != nil {
		t.Fatal(err)
	}
	url := "-database=sqlite:" + copied
	s := execute(t, nil, "audit", "verify", url)
	if s.code != exitWrong || !strings.Contains(s.err, "USERMGMT_AUDIT_KEYS") {
		t.Errorf("without keys: exit %d: %s %s", s.code, s.out, s.err)
	}
	kept, err := os.ReadFile(path + ".keys")
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := strings.Cut(string(kept), "USERMGMT_AUDIT_KEYS=")
	given := []string{"USERMGMT_AUDIT_KEYS=" + strings.TrimSpace(keys)}
	s = execute(t, given, "audit", "verify", url)
	if s.code != exitOK || !strings.Contains(s.out, "no anchor outside") {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	s = execute(t, given, "audit", "verify", url, "-anchors="+path+".anchors")
	if s.code != exitOK || !strings.Contains(s.out, "agrees up to 4") {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	s = execute(t, given, "audit", "verify", url, "-anchors="+path+".anchor")
	if s.code != exitWrong || s.out != "" || !strings.Contains(s.err, "the anchors are not where -anchors says") {
		t.Errorf("anchors that are not there: exit %d: %s %s", s.code, s.out, s.err)
	}
	s = execute(t, []string{"USERMGMT_AUDIT_KEYS=" + strings.Repeat("another-key", 4)}, "audit", "verify", url)
	if s.code != exitWrong || !strings.Contains(s.out, "NOT valid: event 1 (aud_") || !strings.Contains(s.out, "needs the audit key") {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(names) != 1 {
		t.Errorf("files were made: %v", names)
	}
}

// A key that was typed wrong does not get into the trail.
func TestAuditAnchorWithoutTheKey(t *testing.T) {
	t.Parallel()
	url := "-database=sqlite:" + trailed(t)
	wrong := []string{"USERMGMT_AUDIT_KEYS=" + strings.Repeat("another-key", 4)}
	s := execute(t, wrong, "audit", "anchor", url)
	if s.code != exitWrong || s.out != "" || !strings.Contains(s.err, "under the audit key") {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
	if s = execute(t, nil, "audit", "verify", url); s.code != exitOK {
		t.Errorf("exit %d: %s %s", s.code, s.out, s.err)
	}
}

// Nothing is made where nothing is.
func TestAuditOfNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "usermgmt.db")
	for _, what := range []string{"verify", "anchor"} {
		s := execute(t, nil, "audit", what, "-database=sqlite:"+path)
		if s.code != exitWrong || s.out != "" || !strings.Contains(s.err, "no such file") {
			t.Errorf("%s: exit %d: %s %s", what, s.code, s.out, s.err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a database was made")
	}
}
