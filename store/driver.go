package store

import "context"

// Driver is a value a host passes to usermgmt.FromEnv so that URLs of its
// schemes can be used. It also implements StoreDriver, or the limiter's
// counterpart.
type Driver interface {
	// Schemes are the URL schemes the driver serves, such as "postgres".
	Schemes() []string
}

// StoreDriver is a Driver that opens a Store.
type StoreDriver interface {
	Driver
	// OpenStore opens the store a URL names, brings its schema up to date and
	// answers an error that says what to do when it cannot.
	OpenStore(ctx context.Context, url string) (Store, error)
}

// Waker is an optional interface of a Store. A store without it is polled.
type Waker interface {
	// Wake returns a channel that receives when the change feed may have new
	// rows. Signals may be merged, and may come without new rows.
	Wake() <-chan struct{}
}
