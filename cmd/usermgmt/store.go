package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

var errNoDriver = errors.New("no driver serves the scheme of the database's URL: it is written sqlite:<path>, such as sqlite:usermgmt.db")

// openStore opens the store that a URL names, with the driver of its scheme. It
// is made, and its schema brought up to date, as the server would.
func openStore(ctx context.Context, url string) (store.Store, error) {
	scheme, _, _ := strings.Cut(url, ":")
	for _, driver := range []store.StoreDriver{sqlite.Driver} {
		if slices.Contains(driver.Schemes(), scheme) {
			return driver.OpenStore(ctx, url)
		}
	}
	return nil, errNoDriver
}
