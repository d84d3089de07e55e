package authn

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/store"
)

// verdict is what the verifier found out about one credential. Only noted
// changes after it was made.
type verdict struct {
	credential string
	principal  *Principal // nil when the credential is refused
	expires    time.Time
	basis      basis
	byKey      bool            // the credential is an API or service key
	noted      atomic.Int64    // the second in which a use was last reported
	addrs      *[]netip.Prefix // where a key may be used from; nil means anywhere
}

// holds reports whether the verdict is still good at now: not past its end,
// and nothing it rests on has changed since.
func (d *verdict) holds(now time.Time, versions *version.Table) bool {
	return now.Before(d.expires) && d.basis.holds(versions)
}

// endBy brings the end of the verdict forward; a zero time does not.
func (d *verdict) endBy(t time.Time) {
	if !t.IsZero() && t.Before(d.expires) {
		d.expires = t
	}
}

// concerns names what the verdict rests on.
func (d *verdict) concerns(keys ...string) {
	for i, key := range keys {
		d.basis.stripes[i] = version.Stripe(key)
	}
}

// restsOn reports whether the session is that of a token and lives, and ends the
// verdict with either.
func (d *verdict) restsOn(session store.Session, claims Claims, now time.Time) bool {
	d.endBy(claims.ExpiresAt.Add(tokenLeeway))
	d.endBy(session.ExpiresAt)
	d.endBy(session.IdleUntil)
	return session.Live(now) && session.Subject == claims.Subject && Kind(session.Kind) == claims.Kind
}

// byKeyFrom says that the credential is a key, and where it may be used from.
func (d *verdict) byKeyFrom(allowed []string) {
	d.byKey = true
	if addrs := parsePrefixes(allowed); len(addrs) > 0 {
		d.addrs = &addrs
	}
}

// basis is the state of the world a verdict was made in: the counters of what
// it concerns (the user, the session or key, and the plan) and the epoch. The
// zero basis concerns nothing in particular.
type basis struct {
	stripes  [3]uint32
	versions [3]uint64
	epoch    uint64
}

// basisOf reads the counters of the keys now.
func basisOf(versions *version.Table, stripes [3]uint32) basis {
	b := basis{stripes: stripes, epoch: versions.Epoch()}
	for i, stripe := range stripes {
		b.versions[i] = versions.Load(stripe)
	}
	return b
}

func (b *basis) holds(versions *version.Table) bool {
	for i, stripe := range b.stripes {
		if versions.Load(stripe) != b.versions[i] {
			return false
		}
	}
	return versions.Epoch() == b.epoch
}
