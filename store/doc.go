// Package store is the vocabulary everyone shares: records, the Store
// interface, filters, cursors, errors and the Actor. It imports nothing but the
// standard library, and no record in it carries a secret.
package store
