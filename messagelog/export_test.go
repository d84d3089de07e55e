package messagelog_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/messagelog"
	"github.com/usermgmt/usermgmt/store"
)

func TestExportAsNDJSON(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := messagelog.New(messagelog.Config{Store: s, Clock: func() time.Time { return noon.Add(time.Hour) }})
	defer log.Close()
	const n = 120 // more than two pages
	for i := range n {
		m := chat()
		m.ID, m.CreatedAt = fmt.Sprintf("m-%03d", i), noon.Add(time.Duration(i)*time.Second)
		if _, err := log.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := log.Export(t.Context(), &out, messagelog.NDJSON, store.MessageFilter{UserID: "usr_1"}); err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range strings.Lines(out.String()) {
		var m struct {
			ID       string           `json:"id"`
			Request  []map[string]any `json:"request"`
			TokensIn int64            `json:"tokens_in"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.ID != fmt.Sprintf("m-%03d", i) || m.TokensIn != 3 || m.Request[0]["content"] != "<hi>" {
			t.Errorf("line %d is %s", i, line)
		}
		i++
	}
	if i != n {
		t.Errorf("%d lines, want %d", i, n)
	}
	err := log.Export(t.Context(), &out, "xml", store.MessageFilter{})
	if !errors.Is(err, store.ErrValidation) {
		t.Errorf("another format: %v", err)
	}
}

// No cell begins as a formula does, and the text comes back as it was.
func TestExportAsCSV(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	log := messagelog.New(messagelog.Config{Store: s, Clock: func() time.Time { return noon.Add(time.Hour) }})
	defer log.Close()
	names := []string{`=1+1`, `+1`, `-1`, `@SUM(A1)`, `＝1`, `plain`, `a "quote", a comma`}
	for i, name := range names {
		m := chat()
		m.ID, m.Username, m.CreatedAt = fmt.Sprint("m-", i), name, noon.Add(time.Duration(i)*time.Second)
		m.Request = json.RawMessage(`[{"role":"user","content":"line\nbreak, \"quote\""}]`)
		if _, err := log.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := log.Export(t.Context(), &out, messagelog.CSV, store.MessageFilter{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if !strings.Contains(out.String(), "\r\n") {
		t.Error("lines do not end as RFC 4180 says")
	}
	name, request := slices.Index(rows[0], "username"), slices.Index(rows[0], "request")
	for i, row := range rows[1:] {
		want := names[i]
		if i < 5 {
			want = "'" + want
		}
		if row[name] != want || row[request] != `[{"role":"user","content":"line\nbreak, \"quote\""}]` {
			t.Errorf("row %d is %q", i, row)
		}
	}
}
