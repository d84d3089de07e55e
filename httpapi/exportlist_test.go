package httpapi

import (
	"net/http"
	"net/url"

	"github.com/usermgmt/usermgmt/store"
)

// ReadPage reads the query of a list of all orders with one filter, and returns
// the page and what a cursor of it is good for.
func ReadPage(query url.Values, cursorKey []byte) (page store.Page, scope string, err error) {
	l := listing{sorts: byCreation, filters: []string{"conversation_id"}}
	var c call
	err = l.read(&c, "list", query, [][]byte{cursorKey})
	return c.page, c.scope, err
}

// SaysJSON reports whether a Content-Type is one that bodies are read under.
func SaysJSON(contentType string) bool {
	return saysJSON(http.Header{"Content-Type": {contentType}})
}
