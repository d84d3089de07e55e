package account

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// remains is what is sealed of a deleted user, to come back whole.
// Sealed values outlive the program that wrote them: the names of their members
// stand in tags, apart from those of any record. Members may be added, never
// renamed.
type remains struct {
	User remainsUser  `json:"user"`
	Hash *remainsHash `json:"password_hash"` // null when there was none
	Keys []remainsKey `json:"keys"`          // as they were: it is for a restore to suspend the active ones
}

type remainsUser struct {
	ID              string          `json:"id"`
	Username        string          `json:"username"`
	Email           string          `json:"email"`
	EmailVerified   bool            `json:"email_verified"`
	DisplayName     string          `json:"display_name"`
	Status          string          `json:"status"`
	SuspendedReason string          `json:"suspended_reason"`
	SuspendedUntil  time.Time       `json:"suspended_until"`
	Plan            string          `json:"plan"`
	Limits          []remainsLimit  `json:"limits"`
	Zone            remainsZone     `json:"zone"`
	ZoneChangedAt   time.Time       `json:"zone_changed_at"`
	MFAEnabled      bool            `json:"mfa_enabled"`
	Metadata        json.RawMessage `json:"metadata"`
	CreatedAt       time.Time       `json:"created_at"`
	UpdatedAt       time.Time       `json:"updated_at"`
	LastLoginAt     time.Time       `json:"last_login_at"`
}

type remainsZone struct {
	Name     string    `json:"name"`
	Previous string    `json:"previous"`
	From     time.Time `json:"from"`
}

type remainsHash struct {
	Hash      string    `json:"hash"`
	Scheme    string    `json:"scheme"`
	UpdatedAt time.Time `json:"updated_at"`
}

type remainsKey struct {
	ID          string         `json:"id"`
	Hash        []byte         `json:"hash"`
	Family      string         `json:"family"`
	Name        string         `json:"name"`
	Prefix      string         `json:"prefix"`
	Last4       string         `json:"last4"`
	Scopes      []string       `json:"scopes"`
	AllowedIPs  []string       `json:"allowed_ips"`
	RateLimit   string         `json:"rate_limit"`
	Limits      []remainsLimit `json:"limits"`
	Status      string         `json:"status"`
	RotatedFrom string         `json:"rotated_from"`
	CreatedAt   time.Time      `json:"created_at"`
	LastUsedAt  time.Time      `json:"last_used_at"`
	ExpiresAt   time.Time      `json:"expires_at"`
	RetiresAt   time.Time      `json:"retires_at"`
	RevokedAt   time.Time      `json:"revoked_at"`
}

type remainsLimit struct {
	Meter  string       `json:"meter"`
	Window store.Window `json:"window"`
	Limit  int64        `json:"limit"`
}

// sealedPlace is where what is left of a user belongs, so that it opens nowhere
// else.
func sealedPlace(id string) string { return "deleted_users.sealed." + id }

// openRemains opens what was set aside of a deleted user.
func (u *Users) openRemains(d store.DeletedUser) (left remains, err error) {
	plain, err := u.cfg.Seal.Open(d.Sealed, sealedPlace(d.ID))
	if err != nil {
		return left, fmt.Errorf("account: deleted user %s cannot be opened: %w", d.ID, err)
	}
	if err := json.Unmarshal(plain, &left); err != nil {
		return left, fmt.Errorf("account: deleted user %s cannot be read: %w", d.ID, err)
	}
	return left, nil
}

func remainsOf(u store.User, hash *store.PasswordHash, keys []store.APIKeyHash) remains {
	left := remains{User: remainsUser{
		ID:              u.ID,
		Username:        u.Username,
		Email:           u.Email,
		EmailVerified:   u.EmailVerified,
		DisplayName:     u.DisplayName,
		Status:          string(u.Status),
		SuspendedReason: u.SuspendedReason,
		SuspendedUntil:  u.SuspendedUntil,
		Plan:            u.Plan,
		Limits:          remainsOfLimits(u.Limits),
		Zone:            remainsZone(u.Zone),
		ZoneChangedAt:   u.ZoneChangedAt,
		MFAEnabled:      u.MFAEnabled,
		Metadata:        u.Metadata,
		CreatedAt:       u.CreatedAt,
		UpdatedAt:       u.UpdatedAt,
		LastLoginAt:     u.LastLoginAt,
	}}
	if hash != nil {
		left.Hash = &remainsHash{Hash: hash.Hash, Scheme: hash.Scheme, UpdatedAt: hash.UpdatedAt}
	}
	for _, k := range keys {
		left.Keys = append(left.Keys, remainsOfKey(k))
	}
	return left
}

func remainsOfKey(k store.APIKeyHash) remainsKey {
	return remainsKey{
		ID:          k.ID,
		Hash:        k.Hash[:],
		Family:      k.Family,
		Name:        k.Name,
		Prefix:      k.Prefix,
		Last4:       k.Last4,
		Scopes:      k.Scopes,
		AllowedIPs:  k.AllowedIPs,
		RateLimit:   k.RateLimit,
		Limits:      remainsOfLimits(k.Limits),
		Status:      string(k.Status),
		RotatedFrom: k.RotatedFrom,
		CreatedAt:   k.CreatedAt,
		LastUsedAt:  k.LastUsedAt,
		ExpiresAt:   k.ExpiresAt,
		RetiresAt:   k.RetiresAt,
		RevokedAt:   k.RevokedAt,
	}
}

// user is the user as he was.
func (u remainsUser) user() store.User {
	return store.User{
		ID:              u.ID,
		Username:        u.Username,
		Email:           u.Email,
		EmailVerified:   u.EmailVerified,
		DisplayName:     u.DisplayName,
		Status:          store.Status(u.Status),
		SuspendedReason: u.SuspendedReason,
		SuspendedUntil:  u.SuspendedUntil,
		Plan:            u.Plan,
		Limits:          limitsOf(u.Limits),
		Zone:            store.Zone(u.Zone),
		ZoneChangedAt:   u.ZoneChangedAt,
		MFAEnabled:      u.MFAEnabled,
		Metadata:        u.Metadata,
		CreatedAt:       u.CreatedAt,
		UpdatedAt:       u.UpdatedAt,
		LastLoginAt:     u.LastLoginAt,
	}
}

// key is a key of the user as it was. It fails for a hash that is none.
func (k remainsKey) key(userID string) (store.APIKeyHash, error) {
	key := store.APIKeyHash{APIKey: store.APIKey{
		ID:          k.ID,
		Family:      k.Family,
		UserID:      userID,
		Name:        k.Name,
		Prefix:      k.Prefix,
		Last4:       k.Last4,
		Scopes:      k.Scopes,
		AllowedIPs:  k.AllowedIPs,
		RateLimit:   k.RateLimit,
		Limits:      limitsOf(k.Limits),
		Status:      store.Status(k.Status),
		RotatedFrom: k.RotatedFrom,
		CreatedAt:   k.CreatedAt,
		LastUsedAt:  k.LastUsedAt,
		ExpiresAt:   k.ExpiresAt,
		RetiresAt:   k.RetiresAt,
		RevokedAt:   k.RevokedAt,
	}}
	if copy(key.Hash[:], k.Hash) != len(key.Hash) || len(k.Hash) != len(key.Hash) {
		return key, fmt.Errorf("account: the hash of key %s is damaged", k.ID)
	}
	return key, nil
}

func limitsOf(limits []remainsLimit) []store.Limit {
	var out []store.Limit
	for _, l := range limits {
		out = append(out, store.Limit(l))
	}
	return out
}

func remainsOfLimits(limits []store.Limit) []remainsLimit {
	var out []remainsLimit
	for _, l := range limits {
		out = append(out, remainsLimit(l))
	}
	return out
}
