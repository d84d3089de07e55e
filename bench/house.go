package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/version"
	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

const (
	issuer   = "http://127.0.0.1:8080"
	tokenTTL = 24 * time.Hour
	plan     = "free"

	// rememberFor and rememberUpTo are longer and more than a run needs, so that
	// what is called remembered is.
	rememberFor  = time.Hour
	rememberUpTo = 1 << 18
)

// unhurried is a rate that nobody here exceeds.
var unhurried = ratelimit.Rate{PerSecond: 1e6, Burst: 1e9}

// House is a Manager on a SQLite file, and verifiers that know the same people.
type House struct {
	Manager *usermgmt.Manager

	path     string
	store    store.Store
	ring     *authn.Keyring
	versions *version.Table
	follower *change.Follower
	eddsa    *authn.Tokens
	hs256    *authn.Tokens
	conns    []io.Closer // what goes past the store
}

// Open makes a house in a folder. It must be closed.
func Open(ctx context.Context, dir string) (*House, error) {
	h := &House{path: filepath.Join(dir, "usermgmt.db"), versions: version.New()}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *House) open(ctx context.Context) (err error) {
	if h.store, err = sqlite.Open(ctx, h.path, nil); err != nil {
		return err
	}
	secret := rand.Text() + rand.Text()
	if h.ring, err = authn.NewKeyring([][]byte{[]byte(secret)}); err != nil {
		return err
	}
	if h.eddsa, err = h.tokens(authn.AlgorithmEdDSA); err != nil {
		return err
	}
	if h.hs256, err = h.tokens(authn.AlgorithmHS256); err != nil {
		return err
	}
	h.follower, err = change.Follow(ctx, h.store, h.versions, "bench", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	unlimited := int64(usermgmt.Unlimited)
	h.Manager, err = usermgmt.New(ctx, usermgmt.Config{
		Store:              h.store,
		BaseURL:            issuer,
		DatabaseURL:        "sqlite:" + h.path, // where development keys go
		SecretKeys:         []string{secret},
		AccessTokenTTL:     tokenTTL,
		DefaultPlan:        plan,
		DailyConversations: &unlimited,
		RateLimit:          unhurried,
		IPRateLimit:        unhurried,
	})
	return err
}

// Close ends the house.
func (h *House) Close() error {
	var errs []error
	if h.Manager != nil {
		errs = append(errs, h.Manager.Close())
	}
	if h.follower != nil {
		h.follower.Close()
	}
	for _, conn := range h.conns {
		errs = append(errs, conn.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	return errors.Join(errs...)
}

func (h *House) tokens(algorithm string) (*authn.Tokens, error) {
	return authn.NewTokens(authn.TokenConfig{Keyring: h.ring, Algorithm: algorithm, Issuer: issuer, TTL: tokenTTL})
}

// verifier makes a verifier like the Manager's, over a store and for tokens of
// one algorithm, which remembers size verdicts.
func (h *House) verifier(s store.Store, tokens *authn.Tokens, size int) *authn.Verifier {
	return authn.NewVerifier(authn.VerifierConfig{
		Store:    s,
		Tokens:   tokens,
		Versions: h.versions,
		Fresh:    h.follower.Fresh,
		TTL:      rememberFor,
		Size:     size,
		Rate:     unhurried,
		OnKeyUse: func(string, time.Time) {},
	})
}
