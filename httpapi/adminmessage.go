package httpapi

import (
	"context"
	"net/http"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
)

var messageFilters = []string{"user", "model", "conversation_id", "from", "to"}

func (a *API) allMessageRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/messages", id: "list-all-messages", tag: "messages", action: authz.ListMessages,
		summary: "List logged messages of all users; each page that is read is audited", status: http.StatusOK,
		list: &listing{sorts: byCreation, filters: messageFilters},
	}, a.listAllMessages)
	handleStream(r, route{
		method: "GET", path: "/messages/export", id: "export-messages", tag: "messages", action: authz.ExportMessages,
		summary: "Take logged messages away as a file, oldest first", status: http.StatusOK,
		query: exportQuery(
			parameter{"user", "Only those of this user, by the id"}, parameter{"model", "Only those of this model"},
			parameter{"conversation_id", "Only those of this conversation"}),
	}, "", []string{mediaNDJSON, mediaCSV}, a.exportMessages)
	for _, rt := range deletions("/messages", "delete-messages") {
		rt.tag, rt.action, rt.status = "messages", authz.DeleteMessages, http.StatusOK
		rt.summary, rt.query = "Delete the messages that were made before a time", []parameter{{"before", "Needed: a time such as 2026-01-01T00:00:00Z"}}
		handle(r, rt, a.deleteMessages)
	}
}

// exportQuery are the parameters of an export: its own, those of a range of time
// and the format.
func exportQuery(own ...parameter) []parameter {
	return append(own,
		parameter{"from", "Only what happened at this time or after it"},
		parameter{"to", "Only what happened before this time"},
		parameter{"format", "ndjson, which is the default, or csv"})
}

// messageFilter reads which messages are meant.
func messageFilter(c *call) (f store.MessageFilter, err error) {
	f = store.MessageFilter{UserID: c.filters["user"], Model: c.filters["model"], ConversationID: c.filters["conversation_id"]}
	if f.From, err = timeOf(c, "from"); err != nil {
		return f, err
	}
	f.Until, err = timeOf(c, "to")
	return f, err
}

func (a *API) listAllMessages(ctx context.Context, c *call, _ none) (List[Message], error) {
	f, err := messageFilter(c)
	if err != nil {
		return List[Message]{}, err
	}
	list, err := a.cfg.Messages.Read(ctx, c.actor(), f, c.page)
	if err != nil {
		return List[Message]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, message), nil
}

func (a *API) exportMessages(ctx context.Context, c *call, w http.ResponseWriter, _ *http.Request) error {
	f, err := messageFilter(c)
	if err != nil {
		return err
	}
	format, err := attach(c, w, "messages")
	if err != nil {
		return err
	}
	return a.cfg.Messages.ExportFor(ctx, c.actor(), w, format, f)
}

// DeletedMessages is how many messages were deleted.
type DeletedMessages struct {
	Deleted int64 `json:"deleted"`
}

func (a *API) deleteMessages(ctx context.Context, c *call, _ none) (DeletedMessages, error) {
	before, err := timeOf(c, "before")
	if err != nil {
		return DeletedMessages{}, err
	}
	if before.IsZero() {
		return DeletedMessages{}, store.Invalid("before", "required", "Say before which time, such as 2026-01-01T00:00:00Z.")
	}
	n, err := a.cfg.Messages.Delete(ctx, c.actor(), before)
	return DeletedMessages{n}, err
}
