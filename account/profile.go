package account

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/usermgmt/usermgmt/internal/calendar"
	"github.com/usermgmt/usermgmt/store"
)

// zoneChangeEvery is how often a time zone may be changed.
const zoneChangeEvery = 24 * time.Hour

// ProfileUpdate is what a user may change alone. A nil field stays as
// it is.
type ProfileUpdate struct {
	DisplayName *string          // at most 100 characters of one line; "" clears
	TimeZone    *string          // IANA name
	Metadata    *json.RawMessage // a JSON object of at most 16 KiB, replaced whole; null clears
}

// UpdateProfile changes a profile and returns it. What breaks a rule is
// ErrValidation, naming every member at fault. A new time zone counts from the
// next day of the old one, so that no day is gained; a second one within 24 hours
// is ErrRateLimited with RetryAfter. An update that changes nothing is not
// audited.
func (u *Users) UpdateProfile(ctx context.Context, actor store.Actor, id string, in ProfileUpdate) (store.User, error) {
	in, err := in.checked()
	if err != nil {
		return store.User{}, err
	}
	var user store.User
	err = u.cfg.Door.Do(ctx, actor, func(ctx context.Context, q store.Queries, c *store.Change) (err error) {
		if user, err = q.UserGet(ctx, id); err != nil {
			return err
		}
		c.Changes, err = in.apply(&user, c.At)
		if err != nil || len(c.Changes) == 0 {
			return err
		}
		user.UpdatedAt = c.At
		c.Action, c.Target = "user.update", targetUser(id)
		c.Affects = []string{store.UserVersion(id)}
		return q.UserUpdate(ctx, user)
	})
	if err != nil {
		return store.User{}, err
	}
	return asOf(user, u.cfg.now()), nil
}

// checked returns the update with its metadata in the form it is kept in.
func (in ProfileUpdate) checked() (ProfileUpdate, error) {
	var nameErr, zoneErr, metadataErr error
	if in.DisplayName != nil {
		nameErr = checkDisplayName(*in.DisplayName)
	}
	if in.TimeZone != nil {
		zoneErr = checkZone(*in.TimeZone)
	}
	if in.Metadata != nil {
		var object json.RawMessage
		object, metadataErr = parseMetadata(*in.Metadata)
		in.Metadata = &object
	}
	return in, joinInvalid(nameErr, zoneErr, metadataErr)
}

// apply changes user and says what that changed.
func (in ProfileUpdate) apply(user *store.User, now time.Time) (map[string]store.Diff, error) {
	changes := make(map[string]store.Diff)
	if in.DisplayName != nil && *in.DisplayName != user.DisplayName {
		changes["display_name"] = store.Diff{From: user.DisplayName, To: *in.DisplayName}
		user.DisplayName = *in.DisplayName
	}
	if in.Metadata != nil && !bytes.Equal(*in.Metadata, user.Metadata) {
		changes["metadata"] = store.Diff{From: user.Metadata, To: *in.Metadata}
		user.Metadata = *in.Metadata
	}
	if in.TimeZone != nil && *in.TimeZone != user.Zone.Name {
		changes["time_zone"] = store.Diff{From: user.Zone.Name, To: *in.TimeZone}
		if err := moveZone(user, *in.TimeZone, now); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// moveZone gives a user another time zone from the next day on.
func moveZone(user *store.User, name string, now time.Time) error {
	if wait := user.ZoneChangedAt.Add(zoneChangeEvery).Sub(now); !user.ZoneChangedAt.IsZero() && wait > 0 {
		return &store.Error{
			Code:       store.ErrRateLimited,
			Detail:     "The time zone can be changed once in 24 hours.",
			RetryAfter: wait,
		}
	}
	present := user.Zone.At(now)
	loc, err := time.LoadLocation(present)
	if err != nil {
		loc = time.UTC // a name that the zone database has dropped
	}
	user.Zone = store.Zone{Name: name, Previous: present, From: calendar.NextDay(now, loc)}
	user.ZoneChangedAt = now
	return nil
}
