package account

// Remains is what is sealed of a deleted user.
type Remains = remains
