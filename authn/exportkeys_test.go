package authn

// What the lists of addresses of a key go through.
var (
	CanonicalPrefixes = canonicalPrefixes
	AddressesWithin   = addressesWithin
)
