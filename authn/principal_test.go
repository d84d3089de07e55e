package authn_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

func TestPrincipalOfAContext(t *testing.T) {
	t.Parallel()
	if p, ok := authn.FromContext(t.Context()); ok || p.Authenticated() || p.Method() != "" {
		t.Errorf("an empty context has %+v, %v", p, ok)
	}
	for name, absent := range map[string]*authn.Principal{"nil": nil, "anonymous": {}} {
		if p, ok := authn.FromContext(authn.NewContext(t.Context(), absent)); ok || p.Authenticated() {
			t.Errorf("%s: %+v, %v", name, p, ok)
		}
	}
	want := authn.Principal{Subject: "usr_1", Kind: authn.KindUser, Username: "alice", SessionID: "ses_1", AllScopes: true}
	got, ok := authn.FromContext(authn.NewContext(t.Context(), &want))
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("the principal differs (-want +got)\n%s", diff)
	}
}

func TestScopesAndMethod(t *testing.T) {
	t.Parallel()
	token := authn.Principal{Subject: "usr_1", SessionID: "ses_1", AllScopes: true}
	key := authn.Principal{Subject: "usr_1", KeyID: "key_1", Scopes: []string{"usage:read"}}
	if token.Method() != authn.MethodToken || key.Method() != authn.MethodAPIKey {
		t.Errorf("methods are %q and %q", token.Method(), key.Method())
	}
	for scope, ofKey := range map[string]bool{"usage:read": true, "usage:reads": false, "keys:manage": false, "*": false, "": false} {
		if !token.HasScope(scope) || key.HasScope(scope) != ofKey || (authn.Principal{}).HasScope(scope) {
			t.Errorf("scope %q: token %v, key %v", scope, token.HasScope(scope), key.HasScope(scope))
		}
	}
}

func TestActor(t *testing.T) {
	t.Parallel()
	p := authn.Principal{Subject: "usr_1", Kind: authn.KindUser, Username: "alice", KeyID: "key_1"}
	want := store.Actor{Kind: store.ActorUser, ID: "usr_1", Name: "alice", KeyID: "key_1", IP: "192.0.2.1", RequestID: "req_1"}
	if diff := cmp.Diff(want, p.Actor("192.0.2.1", "req_1")); diff != "" {
		t.Error(diff)
	}
	if got := (authn.Principal{}).Actor("192.0.2.1", ""); got.Kind != store.ActorAnonymous {
		t.Errorf("an anonymous caller acts as %q", got.Kind)
	}
}

func TestACachedPrincipalCostsTheContextOnly(t *testing.T) {
	p := &authn.Principal{Subject: "usr_1"}
	ctx := t.Context()
	var out context.Context
	if allocs := testing.AllocsPerRun(100, func() { out = authn.NewContext(ctx, p) }); allocs > 1 {
		t.Errorf("NewContext allocates %v times, want once", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() { authn.FromContext(out) }); allocs > 0 {
		t.Errorf("FromContext allocates %v times", allocs)
	}
}
