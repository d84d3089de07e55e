package store

import "context"

// Base answers ErrUnsupported to every method of Store. A driver embeds it, so
// that a method added to Store in a minor release does not break its build.
type Base struct{}

var _ Store = Base{}

// InTx answers ErrUnsupported.
func (Base) InTx(context.Context, func(ctx context.Context, q Queries) error) error {
	return ErrUnsupported
}

// Ping answers ErrUnsupported.
func (Base) Ping(context.Context) error {
	return ErrUnsupported
}

// Close answers ErrUnsupported.
func (Base) Close() error {
	return ErrUnsupported
}
