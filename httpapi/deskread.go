package httpapi

import (
	"context"

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
