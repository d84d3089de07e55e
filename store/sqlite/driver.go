package sqlite

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt/store"
)

// Driver opens URLs such as sqlite:usermgmt.db, sqlite:data/usermgmt.db and
// sqlite:/var/lib/app/usermgmt.db. What stands behind the scheme is the path as
// it is, without parameters.
var Driver urlDriver

type urlDriver struct{}

var _ store.StoreDriver = Driver

// Schemes returns "sqlite".
func (urlDriver) Schemes() []string { return []string{"sqlite"} }

// OpenStore opens the file that url names, as Open does without options.
func (urlDriver) OpenStore(ctx context.Context, url string) (store.Store, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	path = strings.TrimPrefix(path, "//")
	if !ok || path == "" || strings.Contains(path, "?") {
		return nil, store.Invalid("database_url", "url",
			"A SQLite URL is sqlite: and the path of the file, such as sqlite:usermgmt.db, without parameters.")
	}
	return Open(ctx, path, nil)
}
