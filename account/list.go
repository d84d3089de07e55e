package account

import (
	"context"
	"iter"

	"github.com/usermgmt/usermgmt/store"
)

// List lists users as they are now: a suspension whose end has come is over, in
// what is shown as in what f.Status selects. f.Now is not looked at. What a page
// costs and which orders there are, store.UserStore says.
func (u *Users) List(ctx context.Context, f store.UserFilter, p store.Page) (store.List[store.User], error) {
	f.Now = u.cfg.now()
	list, err := u.cfg.Store.UserList(ctx, f, p)
	for i, user := range list.Items {
		list.Items[i] = asOf(user, f.Now)
	}
	return list, err
}

// ListDeleted lists users who were deleted and can still come back, or are being
// purged.
func (u *Users) ListDeleted(ctx context.Context, f store.DeletedUserFilter, p store.Page) (store.List[store.DeletedUser], error) {
	return u.cfg.Store.DeletedUserList(ctx, f, p)
}

// GetDeleted finds a user who was deleted and not purged.
func (u *Users) GetDeleted(ctx context.Context, id string) (store.DeletedUser, error) {
	return u.cfg.Store.DeletedUserGet(ctx, id)
}

// All returns every user that a filter selects: oldest first, in a search by
// name. One page is in memory at a time, and no transaction is open between
// pages, however long the caller takes. So it gives each user who is there
// throughout once, as of some moment on the way; one who comes or goes meanwhile
// it may give or not. An error ends it. It can be read again, and then looks anew.
func (u *Users) All(ctx context.Context, f store.UserFilter) iter.Seq2[store.User, error] {
	return func(yield func(store.User, error) bool) {
		p := store.Page{Limit: store.MaxLimit}
		if f.Query == "" {
			p.Sort = store.OldestFirst
		}
		for {
			list, err := u.List(ctx, f, p)
			if err != nil {
				yield(store.User{}, err)
				return
			}
			for _, user := range list.Items {
				if !yield(user, nil) {
					return
				}
			}
			if p.After = list.Next; p.After.IsZero() {
				return
			}
		}
	}
}
