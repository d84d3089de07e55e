//go:build linux || darwin

package sqlite

import (
	"path/filepath"
	"syscall"
)

// roomBeside is how many bytes are free where a file is or will be; 0 when that
// cannot be told.
func roomBeside(file string) uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(filepath.Dir(file), &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
