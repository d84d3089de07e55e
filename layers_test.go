package usermgmt_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/usermgmt/usermgmt"

// layers is the house from the ground up: a package imports only packages of
// lower lines, never one of its own line.
var layers = [][]string{
	{"store", "ratelimit", "internal/version", "internal/seal", "internal/ids", "internal/groupcommit", "internal/network", "internal/calendar", "internal/export"},
	{"store/internal/sqlstore"},
	{"audit", "mail", "internal/problem", "store/sqlite", "store/postgres", "store/storetest", "ratelimit/redislimit", "ratelimit/ratelimittest"},
	{"internal/change"},
	{"authn"},
	{"authz", "metering", "messagelog", "allowlist"},
	{"account", "middleware"},
	{"tasks"},
	{"httpapi"},
	{"", "client"},
	{"console", "apidocs", "usermgmttest", "metrics"},
	{"examples", "cmd", "stress"},
}

// A room may keep a part of itself in a folder of its own; the part stands with
// its room.
func layerOf(pkg string) (int, string) {
	rel := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
	for i := len(layers) - 1; i >= 0; i-- {
		for _, room := range layers[i] {
			if rel == room || room != "" && strings.HasPrefix(rel, room+"/") && !standsElsewhere(rel, room) {
				return i, room
			}
		}
	}
	return -1, ""
}

// standsElsewhere reports whether a longer room name claims the package.
func standsElsewhere(rel, room string) bool {
	for _, line := range layers {
		for _, other := range line {
			if len(other) > len(room) && (rel == other || strings.HasPrefix(rel, other+"/")) {
				return true
			}
		}
	}
	return false
}

type listed struct {
	ImportPath string
	Imports    []string
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return string(out)
}

func TestPackagesImportOnlyLowerLayers(t *testing.T) {
	t.Parallel()
	packages := json.NewDecoder(strings.NewReader(goList(t, "-json=ImportPath,Imports", "./...")))
	seen := 0
	for packages.More() {
		var p listed
		if err := packages.Decode(&p); err != nil {
			t.Fatal(err)
		}
		seen++
		from, room := layerOf(p.ImportPath)
		if from < 0 {
			t.Errorf("%s has no place in the house: give it one in layers", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			to, other := layerOf(imported)
			if to >= from && other != room {
				t.Errorf("%s (line %d) imports %s (line %d): arrows go down only", p.ImportPath, from, imported, to)
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

// What a host opts into is a package of its own: a host that imports only the
// root must not link it.
func TestTheRootLinksNothingThatIsOptional(t *testing.T) {
	t.Parallel()
	banned := []string{
		"github.com/jackc/pgx", "github.com/redis/go-redis", "github.com/prometheus/",
		"github.com/chromedp", "github.com/swaggo", "swagger-ui",
		"testing", "go.uber.org/goleak", "github.com/google/go-cmp", "pgregory.net/rapid",
		"github.com/stretchr/testify", "github.com/fernet/fernet-go",
		module + "/store/storetest", module + "/ratelimit/ratelimittest", module + "/usermgmttest",
	}
	deps := strings.Fields(goList(t, "-deps", "."))
	if len(deps) < 100 {
		t.Fatalf("go list gave only %d packages", len(deps))
	}
	for _, dep := range deps {
		for _, b := range banned {
			if dep == b || strings.HasPrefix(dep, b+"/") || strings.HasSuffix(b, "/") && strings.HasPrefix(dep, b) {
				t.Errorf("a host that imports the root links %s", dep)
			}
		}
	}
}
