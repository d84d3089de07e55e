package httpapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/store"
)

// List is one page of a list. NextCursor is empty at the end.
type List[T any] struct {
	Items       []T    `json:"items" nullable:"false" doc:"The items of this page"`
	NextCursor  string `json:"next_cursor" doc:"The cursor of the next page; empty at the end"`
	Total       *int64 `json:"total,omitempty" doc:"How many there are; only with total=true"`
	TotalCapped bool   `json:"total_capped,omitempty" doc:"Whether counting stopped at total"`
}

// listing says what a list offers beside limit, cursor and total.
type listing struct {
	sorts   []store.Sort // the first is the default
	filters []string     // names of query parameters

	// offered are those of sorts that there are for one request, which may depend
	// on its filters and on who asks. Nil means all.
	offered func(c *call) []store.Sort
}

// byCreation are the orders of a list that offers no others.
var byCreation = []store.Sort{store.NewestFirst, store.OldestFirst}

// read takes page and filters from the query into c. A known parameter with a
// value that it does not take is ErrValidation; unknown ones are ignored.
func (l *listing) read(c *call, operation string, query url.Values, cursorKeys [][]byte) error {
	var faults []store.FieldError
	fault := func(name, rule, message string) {
		faults = append(faults, store.FieldError{Field: name, Rule: rule, Message: message})
	}
	c.filters = make(map[string]string)
	for _, name := range l.filters {
		c.filters[name] = query.Get(name)
	}
	sorts := l.sorts
	if l.offered != nil {
		sorts = l.offered(c)
	}
	c.page = store.Page{Limit: store.DefaultLimit, Sort: sorts[0]}
	if v := query.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if c.page.Limit = n; err != nil || n < 1 || n > store.MaxLimit {
			fault("limit", "range", "The limit must be from 1 to 200.")
		}
	}
	if v := query.Get("sort"); v != "" {
		if c.page.Sort = store.Sort(v); !slices.Contains(sorts, c.page.Sort) {
			fault("sort", "enum", "The list does not offer this order.")
		}
	}
	switch query.Get("total") {
	case "", "false":
	case "true":
		c.page.Total = true
	default:
		fault("total", "type", "The parameter must be true or false.")
	}
	if len(faults) > 0 {
		return &store.Error{Code: store.ErrValidation, Detail: "The query has parameters that are not valid.", Fields: faults}
	}
	c.scope = l.scope(c, operation)
	var err error
	c.page.After, err = decodeCursor(cursorKeys, c.scope, query.Get("cursor"))
	return err
}

// decodeCursor reads a cursor that any of the keys made.
func decodeCursor(keys [][]byte, scope, cursor string) (at store.Position, err error) {
	for _, key := range keys {
		if at, err = store.DecodeCursor(key, scope, cursor); err == nil {
			break
		}
	}
	return at, err
}

// scope names the list with all that a cursor must not outlive: who asks, about
// whom, its order and its filters.
func (l *listing) scope(c *call, operation string) string {
	parts := []string{operation, c.subject(), c.id, string(c.page.Sort)}
	for _, name := range l.filters {
		parts = append(parts, c.filters[name])
	}
	for i, part := range parts {
		parts[i] = strconv.Quote(part)
	}
	return strings.Join(parts, " ")
}

// parameters documents what read takes.
func (l *listing) parameters() []*huma.Param {
	sorts := make([]any, len(l.sorts))
	for i, s := range l.sorts {
		sorts[i] = string(s)
	}
	least, most := 1.0, float64(store.MaxLimit)
	params := []*huma.Param{
		queryParam("limit", "How many items a page has at most", &huma.Schema{
			Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: store.DefaultLimit,
		}),
		queryParam("cursor", "The next_cursor of the page before", &huma.Schema{Type: huma.TypeString}),
		queryParam("sort", "The order; a cursor serves one order only", &huma.Schema{
			Type: huma.TypeString, Enum: sorts, Default: sorts[0],
		}),
		queryParam("total", "Whether to count the whole list", &huma.Schema{Type: huma.TypeBoolean, Default: false}),
	}
	for _, name := range l.filters {
		what := "Only items with this " + name
		if name == "q" {
			what = "The beginning of what to search for, in any case"
		}
		params = append(params, queryParam(name, what, &huma.Schema{Type: huma.TypeString}))
	}
	return params
}

func queryParam(name, description string, s *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: description, Schema: s}
}

// listOf makes the answer of a page.
func listOf[From, To any](c *call, cursorKeys [][]byte, from store.List[From], convert func(From) To) List[To] {
	out := List[To]{
		Items:       make([]To, len(from.Items)),
		NextCursor:  store.EncodeCursor(cursorKeys[0], c.scope, from.Next),
		TotalCapped: from.Capped,
	}
	for i, item := range from.Items {
		out.Items[i] = convert(item)
	}
	if c.page.Total {
		out.Total = &from.Total
	}
	return out
}
