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
	path, err := Path(url)
	if err != nil {
		return nil, err
	}
	return Open(ctx, path, nil)
}

// Path returns the path of the file that a URL of Driver's names, or an error
// that says how such a URL is written. It opens nothing.
func Path(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	path = strings.TrimPrefix(path, "//")
	if !ok || path == "" || strings.HasPrefix(path, ":") || strings.Contains(path, "?") {
		return "", store.Invalid("database_url", "url",
			"A SQLite URL is sqlite: and the path of a file, such as sqlite:usermgmt.db, without parameters.")
	}
	return path, nil
}
