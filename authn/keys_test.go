package authn_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

var (
	actor = store.Actor{Kind: store.ActorUser, ID: alice}
	owner = authn.Principal{Subject: alice, Kind: authn.KindUser, AllScopes: true}
)

func newKeys(h *house) *authn.Keys {
	return authn.NewKeys(authn.KeysConfig{
		Store: h, Door: h.door, Clock: h.now,
		HostScopes: []string{"chat", "files"}, DefaultScopes: []string{"chat"},
	})
}

func create(t testing.TB, k *authn.Keys, by authn.Principal, in authn.NewKey) (store.APIKey, string) {
	t.Helper()
	key, secret, err := k.Create(t.Context(), actor, by, in)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

// asKey is the principal of somebody who shows the key.
func asKey(key store.APIKey) authn.Principal {
	return authn.Principal{Subject: key.UserID, Kind: authn.KindUser, KeyID: key.ID, KeyFamily: key.Family, Scopes: key.Scopes}
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	key, secret := create(t, k, owner, authn.NewKey{
		Name: "laptop", Scopes: []string{"files", "chat", "chat"}, ExpiresAt: noon.Add(time.Hour),
		AllowedIPs: []string{"192.0.2.7", "10.1.2.3/8", "::ffff:198.51.100.0/120", "2001:db8::1/32"},
		RateLimit:  "5/s,burst=9", Limits: []store.Limit{{Meter: "conversations", Window: store.Day, Limit: 7}},
	})
	want := store.APIKey{
		ID: key.ID, Family: key.Family, UserID: alice, Name: "laptop", Prefix: secret[:7], Last4: secret[len(secret)-4:],
		Scopes: []string{"chat", "files"}, AllowedIPs: []string{"10.0.0.0/8", "192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32"},
		RateLimit: "5/s,burst=9", Limits: []store.Limit{{Meter: "conversations", Window: store.Day, Limit: 7}},
		Status: store.Active, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
	if diff := cmp.Diff(want, key); diff != "" {
		t.Error(diff)
	}
	if err := authn.ParseAPIKey("um_", secret); err != nil {
		t.Error(err)
	}
	stored := h.keys[key.ID]
	if diff := cmp.Diff(key, stored.APIKey); diff != "" || stored.Hash != authn.HashSecret(secret) {
		t.Error("what is stored differs", diff)
	}
	if leak := fmt.Sprintf("%+v %+v", stored, h.trail.changes); strings.Contains(leak, secret) || strings.Contains(leak, secret[8:20]) {
		t.Error("the secret is in the record or the trail")
	}
	plain, _ := create(t, k, owner, authn.NewKey{Name: "plain"})
	if !slices.Equal(plain.Scopes, []string{"chat"}) || plain.Family == key.Family {
		t.Errorf("without scopes: %v", plain.Scopes)
	}
	bare, _ := create(t, k, owner, authn.NewKey{Name: "bare", Scopes: []string{}})
	if len(bare.Scopes) != 0 {
		t.Errorf("with no scopes: %v", bare.Scopes)
	}
}

func TestKeyFieldsAreChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	limit := func(l ...store.Limit) authn.NewKey { return authn.NewKey{Name: "n", Limits: l} }
	day := store.Limit{Meter: "conversations", Window: store.Day, Limit: 1}
	for name, row := range map[string]struct {
		in    authn.NewKey
		field string
	}{
		"no name":             {authn.NewKey{}, "name"},
		"long name":           {authn.NewKey{Name: strings.Repeat("n", 101)}, "name"},
		"control character":   {authn.NewKey{Name: "a\x00b"}, "name"},
		"not UTF-8":           {authn.NewKey{Name: "a\xff"}, "name"},
		"unknown scope":       {authn.NewKey{Name: "n", Scopes: []string{"root"}}, "scopes"},
		"every scope":         {authn.NewKey{Name: "n", Scopes: []string{"*"}}, "scopes"},
		"expired already":     {authn.NewKey{Name: "n", ExpiresAt: noon}, "expires_at"},
		"not an address":      {authn.NewKey{Name: "n", AllowedIPs: []string{"example.com"}}, "allowed_ips"},
		"address with a zone": {authn.NewKey{Name: "n", AllowedIPs: []string{"fe80::1%eth0"}}, "allowed_ips"},
		"prefix too long":     {authn.NewKey{Name: "n", AllowedIPs: []string{"10.0.0.0/33"}}, "allowed_ips"},
		"half mapped prefix":  {authn.NewKey{Name: "n", AllowedIPs: []string{"::ffff:10.0.0.0/95"}}, "allowed_ips"},
		"too many addresses":  {authn.NewKey{Name: "n", AllowedIPs: slices.Repeat([]string{"10.0.0.1"}, 101)}, "allowed_ips"},
		"not a rate":          {authn.NewKey{Name: "n", RateLimit: "fast"}, "rate_limit"},
		"no meter":            {limit(store.Limit{Window: store.Day}), "limits[0].meter"},
		"no window":           {limit(store.Limit{Meter: "m", Window: "year"}), "limits[0].window"},
		"negative limit":      {limit(store.Limit{Meter: "m", Window: store.Day, Limit: -2}), "limits[0].limit"},
		"limit above 2^53":    {limit(store.Limit{Meter: "m", Window: store.Day, Limit: 1 << 53}), "limits[0].limit"},
		"limit given twice":   {limit(day, day), "limits[1]"},
	} {
		_, _, err := k.Create(t.Context(), actor, owner, row.in)
		if invalid, ok := errors.AsType[*store.Error](err); !ok || invalid.Code != store.ErrValidation || invalid.Fields[0].Field != row.field {
			t.Errorf("%s: %v, want a fault of %s", name, err, row.field)
		}
	}
	if len(h.keys) != 0 || len(h.trail.changes) != 0 {
		t.Error("a refused key left something")
	}
	_, _, err := k.Create(t.Context(), actor, owner, authn.NewKey{Name: "n", Scopes: []string{"CANARY"}})
	want := "There is a scope that does not exist. These do: account:read, account:write, chat, files, keys:manage, messages:read, usage:read."
	if e, ok := errors.AsType[*store.Error](err); !ok || e.Fields[0].Message != want {
		t.Errorf("an unknown scope: %v", err)
	}
}

// A limit of a meter that nobody counts would look like protection and be none.
func TestKeyLimitsAreOfMetersThatExist(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	config := authn.KeysConfig{Store: h, Door: h.door, Clock: h.now, DefaultScopes: []string{}, Meters: []string{"conversations", "tokens"}}
	k := authn.NewKeys(config)
	limits := func(meter string) []store.Limit { return []store.Limit{{Meter: meter, Window: store.Day, Limit: 1}} }
	for _, typo := range []string{"conversation", "Tokens", "credits"} {
		_, _, err := k.Create(t.Context(), actor, owner, authn.NewKey{Name: "n", Limits: limits(typo)})
		if e, ok := errors.AsType[*store.Error](err); !ok || e.Code != store.ErrValidation || e.Fields[0].Field != "limits[0].meter" {
			t.Errorf("a limit of %s: %v", typo, err)
		}
	}
	key, _ := create(t, k, owner, authn.NewKey{Name: "n", Limits: limits("tokens")})

	config.Meters = []string{"conversations"} // the host dropped tokens: what was stored stays good
	k = authn.NewKeys(config)
	name, other := "renamed", []authn.LimitChange{{Limit: limits("pictures")[0]}}
	if _, err := k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{Name: &name}); err != nil {
		t.Errorf("a change of name: %v", err)
	}
	if _, err := k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{Limits: other}); !errors.Is(err, store.ErrValidation) {
		t.Errorf("another meter that does not exist: %v", err)
	}
}

func TestCase_AK_02_AKeyConfersNoMoreThanItHas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	end := noon.Add(24 * time.Hour)
	parent, _ := create(t, k, owner, authn.NewKey{
		Name: "manager", Scopes: []string{authn.ScopeKeysManage, "chat"}, ExpiresAt: end,
		AllowedIPs: []string{"10.0.0.0/8"}, RateLimit: "5/s,burst=10",
		Limits: []store.Limit{{Meter: "conversations", Window: store.Day, Limit: 10}},
	})
	by := asKey(parent)
	limits := func(n int64) []store.Limit {
		return []store.Limit{{Meter: "conversations", Window: store.Day, Limit: n}}
	}
	for name, in := range map[string]authn.NewKey{
		"a scope it lacks":       {Scopes: []string{"files"}},
		"a longer life":          {ExpiresAt: end.Add(time.Second)},
		"another network":        {AllowedIPs: []string{"10.0.0.0/8", "11.0.0.1"}},
		"a wider network":        {AllowedIPs: []string{"10.0.0.0/7"}},
		"any IPv6 address":       {AllowedIPs: []string{"::/0"}},
		"a higher rate":          {RateLimit: "6/s,burst=10"},
		"a larger burst":         {RateLimit: "5/s,burst=11"},
		"a higher limit":         {Limits: limits(11)},
		"no limit":               {Limits: limits(store.Unlimited)},
		"everything, but others": {Scopes: []string{authn.ScopeAccountWrite}},
	} {
		in.Name = name
		if _, _, err := k.Create(t.Context(), actor, by, in); !errors.Is(err, store.ErrForbidden) {
			t.Errorf("AK-02 %s: %v, want forbidden", name, err)
		}
	}
	child, _ := create(t, k, by, authn.NewKey{Name: "child", Scopes: []string{"chat"}})
	if !child.ExpiresAt.Equal(end) || child.RateLimit != "5/s,burst=10" || !slices.Equal(child.AllowedIPs, parent.AllowedIPs) || !slices.Equal(child.Limits, parent.Limits) {
		t.Errorf("AK-02 what was not asked for is not inherited: %+v", child)
	}
	create(t, k, by, authn.NewKey{Name: "narrow", Scopes: []string{"chat"}, ExpiresAt: end, AllowedIPs: []string{"10.1.0.0/16"}, RateLimit: "1/s", Limits: limits(10)})

	// Nor by way of a key that exists.
	wide, _ := create(t, k, owner, authn.NewKey{Name: "wide", Scopes: []string{"chat", "files"}})
	name, all := "renamed", []string{"chat", "files"}
	for what, err := range map[string]error{
		"rotating a wider key": second(k.Rotate(t.Context(), actor, by, wide.ID, time.Hour)),
		"changing a wider key": last(k.Update(t.Context(), actor, by, wide.ID, authn.KeyUpdate{Name: &name})),
		"widening a key":       last(k.Update(t.Context(), actor, by, child.ID, authn.KeyUpdate{Scopes: &all})),
		"dropping limits":      last(k.Update(t.Context(), actor, by, child.ID, authn.KeyUpdate{DropLimits: true})),
		"ending a limit":       last(k.Update(t.Context(), actor, by, child.ID, authn.KeyUpdate{Limits: []authn.LimitChange{{Limit: limits(0)[0], Inherit: true}}})),
		"widening itself":      last(k.Update(t.Context(), actor, by, parent.ID, authn.KeyUpdate{ExpiresAt: new(time.Time)})),
	} {
		if !errors.Is(err, store.ErrForbidden) {
			t.Errorf("AK-02 %s: %v, want forbidden", what, err)
		}
	}
}

func last[T any](_ T, err error) error           { return err }
func second[T, U any](_ T, _ U, err error) error { return err }

func TestCase_AK_04_OnlyAManagingKeyManagesKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	reader, _ := create(t, k, owner, authn.NewKey{Name: "reader", Scopes: []string{authn.ScopeUsageRead}})
	revoked, _ := create(t, k, owner, authn.NewKey{Name: "revoked", Scopes: []string{authn.ScopeKeysManage}})
	if err := k.Revoke(t.Context(), actor, alice, revoked.ID, ""); err != nil {
		t.Fatal(err)
	}
	staff := owner
	staff.Kind = authn.KindStaff
	for name, row := range map[string]struct {
		by   authn.Principal
		want store.Code
	}{
		"a key without the scope": {asKey(reader), store.ErrForbidden},
		"nobody":                  {authn.Principal{}, store.ErrForbidden},
		"a staff token":           {staff, store.ErrForbidden},
		"a revoked key":           {asKey(revoked), store.ErrInvalidToken},
		"an unknown key":          {authn.Principal{Subject: alice, Kind: authn.KindUser, KeyID: "key_0", Scopes: []string{authn.ScopeKeysManage}}, store.ErrInvalidToken},
	} {
		newName := "renamed"
		for what, err := range map[string]error{
			"create": second(k.Create(t.Context(), actor, row.by, authn.NewKey{Name: "n", Scopes: []string{}})),
			"rotate": second(k.Rotate(t.Context(), actor, row.by, reader.ID, 0)),
			"update": last(k.Update(t.Context(), actor, row.by, reader.ID, authn.KeyUpdate{Name: &newName})),
			"enable": last(k.Enable(t.Context(), actor, row.by, reader.ID)),
		} {
			if !errors.Is(err, row.want) {
				t.Errorf("AK-04 %s by %s: %v, want %v", what, name, err, row.want)
			}
		}
	}
}

func TestUpdateKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	key, _ := create(t, k, owner, authn.NewKey{Name: "old", ExpiresAt: noon.Add(time.Hour), RateLimit: "5/s"})
	h.trail.take()
	h.feed = nil
	name, rate := "new", ""
	got, err := k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{Name: &name, RateLimit: &rate})
	want := key
	want.Name, want.RateLimit = "new", ""
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if changes := h.trail.changes[0]; changes.Action != "key.update" || len(changes.Changes) != 2 || changes.Changes["name"].From != "old" {
		t.Errorf("audited %+v", changes)
	}
	if !slices.Equal(h.feed, []string{store.KeyVersion(key.ID)}) {
		t.Errorf("the feed has %v", h.feed)
	}
	h.trail.take()
	if _, err := k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{Name: &name}); err != nil || len(h.trail.take()) != 0 {
		t.Errorf("an update without a difference: %v, or audited", err)
	}
	// A key that has expired can be renamed, and brought back.
	h.advance(2 * time.Hour)
	name = "expired"
	if _, err := k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{Name: &name}); err != nil {
		t.Errorf("renaming an expired key: %v", err)
	}
	got, err = k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{ExpiresAt: new(time.Time)})
	if err != nil || got.StatusAt(h.now()) != store.Active {
		t.Errorf("an expired key without an end: %v, %v", got.StatusAt(h.now()), err)
	}
	if _, err := k.Update(t.Context(), actor, owner, "key_unknown", authn.KeyUpdate{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	bob := owner
	bob.Subject = "usr_bob"
	if _, err := k.Update(t.Context(), actor, bob, key.ID, authn.KeyUpdate{Name: &name}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another's key: %v", err)
	}
}

func TestRevokedStaysRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	key, _ := create(t, k, owner, authn.NewKey{Name: "n"})
	if err := k.Revoke(t.Context(), actor, "usr_bob", key.ID, ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another's key: %v", err)
	}
	h.trail.take()
	for range 2 {
		if err := k.Revoke(t.Context(), actor, alice, key.ID, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.trail.take(); !slices.Equal(got, []string{"key.revoke"}) {
		t.Errorf("audited %v", got)
	}
	got, err := k.Get(t.Context(), alice, key.ID)
	if err != nil || got.Status != store.Revoked || !got.RevokedAt.Equal(noon) {
		t.Errorf("Get = %+v, %v", got, err)
	}
	for name, err := range map[string]error{
		"enable": last(k.Enable(t.Context(), actor, owner, key.ID)),
		"update": last(k.Update(t.Context(), actor, owner, key.ID, authn.KeyUpdate{})),
		"rotate": second(k.Rotate(t.Context(), actor, owner, key.ID, 0)),
	} {
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
}

func TestEnable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	key, _ := create(t, k, owner, authn.NewKey{Name: "n"})
	h.trail.take()
	suspended := h.keys[key.ID]
	suspended.Status = store.Suspended
	h.keys[key.ID] = suspended
	for range 2 {
		if got, err := k.Enable(t.Context(), actor, owner, key.ID); err != nil || got.Status != store.Active {
			t.Errorf("Enable = %v, %v", got.Status, err)
		}
	}
	if got := h.trail.take(); !slices.Equal(got, []string{"key.enable"}) {
		t.Errorf("audited %v", got)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]store.Status{0: store.Revoked, time.Hour: store.Active} {
		h := newHouse(t)
		k := newKeys(h)
		old, oldSecret := create(t, k, owner, authn.NewKey{Name: "n", Scopes: []string{"files"}, RateLimit: "5/s", ExpiresAt: noon.Add(48 * time.Hour)})
		h.trail.take()
		fresh, secret, err := k.Rotate(t.Context(), actor, owner, old.ID, grace)
		if err != nil {
			t.Fatal(err)
		}
		expect := old
		expect.ID, expect.Prefix, expect.Last4, expect.RotatedFrom = fresh.ID, fresh.Prefix, fresh.Last4, old.ID
		if diff := cmp.Diff(expect, fresh); diff != "" || fresh.ID == old.ID || secret.Reveal() == oldSecret {
			t.Errorf("the new key differs: %s", diff)
		}
		if got := h.trail.take(); !slices.Equal(got, []string{"key.rotate"}) {
			t.Errorf("audited %v", got)
		}
		left, _ := k.Get(t.Context(), alice, old.ID)
		if got := left.StatusAt(noon.Add(time.Minute)); got != want {
			t.Errorf("grace %v: the old key is %s after a minute, want %s", grace, got, want)
		}
		if got := left.StatusAt(noon.Add(grace)); got == store.Active {
			t.Errorf("grace %v: the old key is %s after it", grace, got)
		}
	}
	h := newHouse(t)
	k := newKeys(h)
	soon, _ := create(t, k, owner, authn.NewKey{Name: "n", ExpiresAt: noon.Add(time.Minute)})
	if _, _, err := k.Rotate(t.Context(), actor, owner, soon.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if left, _ := k.Get(t.Context(), alice, soon.ID); !left.ExpiresAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("a grace prolonged the old key to %v", left.ExpiresAt)
	}
	h.advance(time.Hour)
	if _, _, err := k.Rotate(t.Context(), actor, owner, soon.ID, time.Hour); !errors.Is(err, store.ErrConflict) {
		t.Errorf("rotating an expired key: %v, want a conflict", err)
	}
	for _, grace := range []time.Duration{-1, 7*24*time.Hour + 1} {
		if _, _, err := k.Rotate(t.Context(), actor, owner, soon.ID, grace); !errors.Is(err, store.ErrValidation) {
			t.Errorf("grace %v: %v", grace, err)
		}
	}
}

// A client that lost the answer rotates again: what it gets lives as long as the
// first successor, although the old key ends with its grace.
func TestRotateAgainDuringTheGrace(t *testing.T) {
	t.Parallel()
	for _, expiry := range []time.Time{{}, noon.Add(48 * time.Hour)} {
		h := newHouse(t)
		k := newKeys(h)
		old, _ := create(t, k, owner, authn.NewKey{Name: "n", Scopes: []string{authn.ScopeKeysManage}, ExpiresAt: expiry})
		end := noon.Add(time.Hour)
		for range 2 {
			fresh, _, err := k.Rotate(t.Context(), actor, owner, old.ID, end.Sub(h.now()))
			if err != nil {
				t.Fatal(err)
			}
			if !fresh.EndsAt().Equal(expiry) || fresh.Family != old.Family || fresh.RotatedFrom != old.ID {
				t.Errorf("the successor ends at %v, not %v: %+v", fresh.EndsAt(), expiry, fresh)
			}
			h.advance(time.Minute)
		}
		if _, _, err := k.Rotate(t.Context(), actor, owner, old.ID, 10*time.Hour); err != nil {
			t.Fatal(err)
		}
		left, _ := k.Get(t.Context(), alice, old.ID)
		if !left.EndsAt().Equal(end) || !left.ExpiresAt.Equal(expiry) {
			t.Errorf("the old key ends at %v, not %v", left.EndsAt(), end)
		}
		// In its grace a key confers nothing that outlives it.
		if _, _, err := k.Rotate(t.Context(), actor, asKey(left), old.ID, 0); !errors.Is(err, store.ErrForbidden) {
			t.Errorf("rotating itself: %v", err)
		}
		child, _ := create(t, k, asKey(left), authn.NewKey{Name: "child", Scopes: []string{}})
		if !child.ExpiresAt.Equal(end) {
			t.Errorf("its child ends at %v", child.ExpiresAt)
		}
		// An expiry that is given ends the grace.
		later := noon.Add(24 * time.Hour)
		if left, err := k.Update(t.Context(), actor, owner, old.ID, authn.KeyUpdate{ExpiresAt: &later}); err != nil || !left.EndsAt().Equal(later) {
			t.Errorf("with another expiry it ends at %v, %v", left.EndsAt(), err)
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	var latest store.APIKey
	for i := range 3 * authn.MaxKeys {
		key, _ := create(t, k, owner, authn.NewKey{Name: fmt.Sprint(i)})
		if i < 2*authn.MaxKeys {
			if err := k.Revoke(t.Context(), actor, alice, key.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		latest = key
	}
	if _, _, err := k.Create(t.Context(), actor, owner, authn.NewKey{Name: "one more"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("one key more: %v, want a conflict", err)
	}
	if _, _, err := k.Rotate(t.Context(), actor, owner, latest.ID, 0); err != nil {
		t.Errorf("rotating a key away when there is no room for one more: %v", err)
	}

	h = newHouse(t)
	k = newKeys(h)
	expired, _ := create(t, k, owner, authn.NewKey{Name: "expired", ExpiresAt: noon.Add(time.Hour)})
	h.advance(time.Hour)
	for i := range authn.MaxKeys {
		create(t, k, owner, authn.NewKey{Name: fmt.Sprint(i)})
	}
	if _, err := k.Update(t.Context(), actor, owner, expired.ID, authn.KeyUpdate{ExpiresAt: new(time.Time)}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("bringing back one more: %v, want a conflict", err)
	}
}

// A stolen access token must not make a key that outlives it and makes others.
func TestAKeyThatManagesKeysNeedsAFreshPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	k := newKeys(h)
	session := store.Session{ID: "ses_1", Kind: store.ActorUser, Subject: alice, CreatedAt: noon, ReauthAt: noon,
		ExpiresAt: noon.Add(24 * time.Hour), IdleUntil: noon.Add(24 * time.Hour)}
	if err := h.SessionInsert(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	by := owner
	by.SessionID = session.ID
	managing := authn.NewKey{Name: "managing", Scopes: []string{authn.ScopeKeysManage}}
	h.advance(10 * time.Minute)
	manager, _ := create(t, k, by, managing)
	plain, _ := create(t, k, by, authn.NewKey{Name: "plain"})

	h.advance(time.Second)
	_, _, err := k.Create(t.Context(), actor, by, managing)
	if !errors.Is(err, store.ErrReauthRequired) {
		t.Errorf("create: %v; want ErrReauthRequired", err)
	}
	_, err = k.Update(t.Context(), actor, by, plain.ID, authn.KeyUpdate{Scopes: &managing.Scopes})
	if !errors.Is(err, store.ErrReauthRequired) {
		t.Errorf("update that adds the scope: %v; want ErrReauthRequired", err)
	}
	if _, _, err = k.Rotate(t.Context(), actor, by, manager.ID, 0); !errors.Is(err, store.ErrReauthRequired) {
		t.Errorf("rotate: %v; want ErrReauthRequired", err)
	}
	create(t, k, by, authn.NewKey{Name: "another plain one"})
	name := "renamed"
	if _, err = k.Update(t.Context(), actor, by, manager.ID, authn.KeyUpdate{Name: &name}); err != nil {
		t.Errorf("rename of a key that manages: %v", err)
	}
	if _, _, err = k.Create(t.Context(), actor, owner, managing); err != nil {
		t.Errorf("by a host, without a session: %v", err)
	}
	by.SessionID = "ses_gone"
	if _, _, err = k.Create(t.Context(), actor, by, managing); !errors.Is(err, store.ErrInvalidToken) {
		t.Errorf("by a session that is gone: %v; want ErrInvalidToken", err)
	}
}
