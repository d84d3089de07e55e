// Package middleware holds what stands between a request's arrival and its
// handler, as plain func(http.Handler) http.Handler values that any router
// takes. It needs no Manager: each constructor takes a small struct, and one
// whose arguments can never work panics at once, not at the first request.
// What comes from outside a program, such as a list of networks in an
// environment variable, goes through the Parse functions first, which return
// errors.
//
// Order, from the outside in:
//
//	AssignRequestID → AccessLog → Recover → ResolveClientIP → SecurityHeaders →
//	Allowlist → CORS → NoQueryCredentials → NotFound → the mux
//
// and around single routes BodyLimit and the authentication, rate limit
// and meter. The access log stands outside what refuses requests, so that
// refusals are logged too. What several of them need to know of a request
// (its id, the client's address, the subject) is kept once, in the context
// that the outermost of them makes; the *http.Request that a ServeMux marks
// with its pattern is then the same one that the access log reads.
//
// Everything refused is answered with a problem document (RFC 9457).
//
// All values made here are safe for concurrent use.
package middleware
