package audit_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
)

func TestExportAsNDJSON(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(450) // more than two pages
	l.tamper("DELETE FROM audit_details WHERE event_id = (SELECT id FROM audit_events WHERE seq = 2)")
	var out bytes.Buffer
	l.must(l.Export(t.Context(), &out, audit.NDJSON, store.AuditFilter{About: "usr_1"}))
	seq := int64(0)
	for line := range strings.Lines(out.String()) {
		seq++
		var e struct {
			Seq     int64
			Actor   struct{ Kind, ID, Name string }
			Target  struct{ Kind, ID string }
			Reason  string
			Behalf  *string `json:"on_behalf_of"`
			IP      string
			Changes map[string]store.Diff
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		said := e.Actor.Name == "sam" && e.Reason == "spam" && e.IP == "192.0.2.7" && e.Changes["status"].To == "suspended"
		if e.Seq != seq || e.Actor.ID != "stf_1" || *e.Behalf != "usr_2" || e.Target.ID != "usr_1" || said != (seq != 2) || e.Changes == nil {
			t.Errorf("line %d is %s", seq, line)
		}
	}
	if seq != 450 {
		t.Errorf("%d lines", seq)
	}
	if err := l.Export(t.Context(), &out, "xml", store.AuditFilter{}); !errors.Is(err, store.ErrValidation) {
		t.Errorf("another format: %v", err)
	}
}

// No cell begins as a formula does.
func TestExportAsCSV(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	c := suspension()
	c.Reason, c.Actor.Name = "=HYPERLINK(\"x\")", "@sam"
	l.Record(c)
	l.must(l.Flush(t.Context()))
	l.change(1)
	var out bytes.Buffer
	l.must(l.Export(t.Context(), &out, audit.CSV, store.AuditFilter{}))
	rows, err := csv.NewReader(&out).ReadAll()
	l.must(err)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var reasons []string
	for _, row := range rows[1:] {
		reasons = append(reasons, row[column["reason"]]+" "+row[column["actor_name"]]+" "+row[column["action"]])
	}
	if got := strings.Join(reasons, "; "); got != "'=HYPERLINK(\"x\") '@sam user.suspend; spam sam user.suspend" {
		t.Errorf("the reasons are %s", got)
	}
}

// failing cannot be written to after some bytes.
type failing struct{ room int }

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("gone")
	}
	return len(p), nil
}

func TestExportReportsWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.change(100)
	for _, format := range []string{audit.NDJSON, audit.CSV} {
		if err := l.Export(t.Context(), &failing{room: 1000}, format, store.AuditFilter{}); err == nil || err.Error() != "gone" {
			t.Errorf("%s: %v", format, err)
		}
	}
}
