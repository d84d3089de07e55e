//go:build !linux && !darwin

package sqlite

// roomBeside is 0: how many bytes are free cannot be told.
func roomBeside(string) uint64 { return 0 }
