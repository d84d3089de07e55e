package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/store"
)

// People are the credentials of as many users, one of each kind a user. Tokens
// are as they stand in the Authorization header.
type People struct {
	Keys, EdDSA, HS256 []string
	hashes             [][32]byte // of the keys
}

const bearer = "Bearer "

// Admit makes n users with a session and an API key each, straight in the
// store: registering would mostly measure password hashing.
func (h *House) Admit(ctx context.Context, n int) (*People, error) {
	p := &People{
		Keys:   make([]string, n),
		EdDSA:  make([]string, n),
		HS256:  make([]string, n),
		hashes: make([][32]byte, n),
	}
	subjects, sessions := make([]string, n), make([]string, n)
	err := share(n, func(i int) error {
		subjects[i], sessions[i] = ids.New(ids.User), ids.New(ids.Session)
		p.Keys[i] = authn.GenerateAPIKey("um_").Reveal()
		p.hashes[i] = authn.HashSecret(p.Keys[i])
		var err error
		if p.EdDSA[i], err = issue(h.eddsa, subjects[i], sessions[i]); err != nil {
			return err
		}
		p.HS256[i], err = issue(h.hs256, subjects[i], sessions[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, h.store.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		for i := range n {
			if err := admit(ctx, q, subjects[i], sessions[i], p.hashes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func issue(tokens *authn.Tokens, subject, session string) (string, error) {
	token, _, err := tokens.Issue(authn.KindUser, subject, session)
	return bearer + token.Reveal(), err
}

func admit(ctx context.Context, q store.Queries, subject, session string, hash [32]byte) error {
	now := time.Now()
	err := q.UserInsert(ctx, store.User{
		ID: subject, Username: subject[4:], Status: store.Active, Plan: plan, Zone: store.Zone{Name: "UTC"},
		Metadata: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now,
	})
	if err != nil {
		return err
	}
	err = q.SessionInsert(ctx, store.Session{
		ID: session, Kind: store.ActorUser, Subject: subject,
		CreatedAt: now, LastSeen: now, ReauthAt: now, ExpiresAt: now.Add(tokenTTL), IdleUntil: now.Add(tokenTTL),
	})
	if err != nil {
		return err
	}
	return q.APIKeyInsert(ctx, store.APIKeyHash{Hash: hash, APIKey: store.APIKey{
		ID: ids.New(ids.Key), Family: ids.New(ids.KeyFamily), UserID: subject, Name: "bench",
		Scopes: []string{authn.ScopeUsageRead}, Status: store.Active, CreatedAt: now,
	}})
}

// remember makes v know every credential.
func remember(ctx context.Context, v *authn.Verifier, credentials []string, scheme string) error {
	return share(len(credentials), func(i int) error {
		_, err := v.Verify(ctx, credentials[i][len(scheme):], at, time.Now())
		return err
	})
}

// share runs fn for 0..n-1 on all CPUs and returns an error of those it met.
func share(n int, fn func(int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = fn(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}
