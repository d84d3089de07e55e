// Package httpapi serves the services over HTTP: routers that work under any
// prefix, health, the public keys of tokens, and one OpenAPI 3.1 document of it
// all.
//
// Each operation is a row: method, path, the action that package authz decides
// on, the body it takes and what it answers. The OpenAPI operation is made from
// that row, and what it says is what is enforced: declared security is the only
// place where a credential is read, and a body is held against the very schema
// that is documented.
//
// huma makes the schemas, keeps the operations and registers them; it is not
// seen outside this package. Requests do not run through its decoder. That one
// takes repeated members and any case, reads null as absent, repeats input in
// its errors, reads settings that any package may change, and replaces the
// server's read deadline.
package httpapi
