package httpapi

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

// ofUser makes the handler of a read about the user of the path. One who is
// unknown or deleted is ErrNotFound, whatever is left of him.
func ofUser[O any](a *API, read func(ctx context.Context, c *call, u store.User) (O, error)) handler[none, O] {
	return func(ctx context.Context, c *call, _ none) (out O, err error) {
		u, err := a.cfg.Users.Get(ctx, c.id)
		if err != nil {
			return out, err
		}
		return read(ctx, c, u)
	}
}

// userSorts are the orders of the list of users: a search has one, and nobody
// sorts by what is hidden from him.
func (a *API) userSorts(c *call) []store.Sort {
	return slices.DeleteFunc(a.userFilter(c).Sorts(), func(s store.Sort) bool {
		return s == store.LastSignInFirst && a.cfg.Ceilings.Hides(c.principal, "last_login_at")
	})
}

func (a *API) userFilter(c *call) store.UserFilter {
	return store.UserFilter{
		Query:     c.filters["q"],
		NamesOnly: a.cfg.Ceilings.Hides(c.principal, "email"),
		Status:    store.Status(c.filters["status"]),
		Plan:      c.filters["plan"],
	}
}

func (a *API) listUsers(ctx context.Context, c *call, _ none) (List[UserView], error) {
	filter := a.userFilter(c)
	switch filter.Status {
	case "", store.Active, store.Suspended:
	default:
		return List[UserView]{}, store.Invalid("status", "enum", "The status must be active or suspended.")
	}
	list, err := a.cfg.Users.List(ctx, filter, c.page)
	if err != nil {
		return List[UserView]{}, err
	}
	items, err := a.userViews(ctx, c, list.Items)
	if err != nil {
		return List[UserView]{}, err
	}
	views := store.List[UserView]{Items: items, Next: list.Next, Total: list.Total, Capped: list.Capped}
	return listOf(c, a.cfg.CursorKeys, views, func(v UserView) UserView { return v }), nil
}

func (a *API) usageOfUser(ctx context.Context, _ *call, u store.User) (Usage, error) {
	return a.usage(ctx, authn.PrincipalOf(u))
}

func (a *API) historyOfUser(ctx context.Context, c *call, u store.User) (History, error) {
	return a.history(ctx, c, authn.PrincipalOf(u))
}

func (a *API) creditsOfUser(ctx context.Context, c *call, u store.User) (List[Ledger], error) {
	return a.creditsOf(ctx, c, u.ID)
}

func (a *API) keysOfUser(ctx context.Context, c *call, u store.User) (List[Key], error) {
	return a.keysOf(ctx, c, u.ID)
}

func (a *API) sessionsOfUser(ctx context.Context, c *call, u store.User) (List[SignedIn], error) {
	return a.sessionsOf(ctx, c, u.ID)
}

func (a *API) auditOfUser(ctx context.Context, c *call, u store.User) (List[AuditEvent], error) {
	list, err := a.cfg.Trail.List(ctx, store.AuditFilter{About: u.ID, Action: c.filters["action"]}, c.page)
	if err != nil {
		return List[AuditEvent]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, a.auditEventFor(c)), nil
}

func (a *API) messagesOfUser(ctx context.Context, c *call, u store.User) (List[Message], error) {
	filter := store.MessageFilter{UserID: u.ID, ConversationID: c.filters["conversation_id"]}
	list, err := a.cfg.Messages.Read(ctx, c.actor(), filter, c.page)
	if err != nil {
		return List[Message]{}, err
	}
	return listOf(c, a.cfg.CursorKeys, list, message), nil
}
