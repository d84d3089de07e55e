package sqlstore_test

import (
	"testing"
	"testing/fstest"

	"github.com/usermgmt/usermgmt/store/internal/sqlstore"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	const head = "-- compatible_from: 1\n"
	tests := []struct {
		name  string
		files map[string]string
		ok    bool
	}{
		{"None", nil, true},
		{"InOrder", map[string]string{"0001_a.sql": head, "0002_b.sql": "-- compatible_from: 2\nCREATE"}, true},
		{"Gap", map[string]string{"0001_a.sql": head, "0003_b.sql": head}, false},
		{"NotFromOne", map[string]string{"0002_a.sql": head}, false},
		{"Twice", map[string]string{"0001_a.sql": head, "0001_b.sql": head}, false},
		{"WithoutNumber", map[string]string{"a.sql": head}, false},
		{"WithoutCompatibility", map[string]string{"0001_a.sql": "CREATE"}, false},
		{"CompatibilityIsNoNumber", map[string]string{"0001_a.sql": "-- compatible_from: x\n"}, false},
		{"CompatibleFromTheFuture", map[string]string{"0001_a.sql": "-- compatible_from: 2\n"}, false},
		{"Empty", map[string]string{"0001_a.sql": ""}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := fstest.MapFS{}
			for name, text := range tt.files {
				folder[name] = &fstest.MapFile{Data: []byte(text)}
			}
			steps, err := sqlstore.Migrations(folder)
			if (err == nil) != tt.ok {
				t.Fatalf("error is %v", err)
			}
			if tt.ok && len(steps) != len(tt.files) {
				t.Errorf("%d steps of %d files", len(steps), len(tt.files))
			}
		})
	}
}
