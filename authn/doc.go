// Package authn answers who is calling. It holds the Principal, password
// hashing, access tokens, sessions, API and service keys, and the cached
// verifier that turns a credential into a Principal. What a principal may do
// is decided in package authz.
package authn
