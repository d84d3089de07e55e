// Package commonpasswords knows the passwords that attackers try first: those of
// at least eight characters among the 200,000 most common. They are kept as a
// binary fuse filter (https://arxiv.org/abs/2201.01174), which holds no password
// in plain form and fits in 170 KB. It misses none of them, and takes one in
// 65,536 other passwords for one.
package commonpasswords

//go:generate go run generate.go

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"sync"

	"github.com/FastFilter/xorfilter"
)

// MinLength is the length in bytes from which on the filter knows passwords:
// policies refuse shorter ones for their length.
const MinLength = 8

//go:embed filter.bin
var encoded []byte

// filter decodes the embedded file when it is first asked. The file is part of
// the program, so that one which cannot be read is a broken build.
var filter = sync.OnceValue(func() *xorfilter.BinaryFuse[uint16] {
	f, err := xorfilter.LoadBinaryFuse[uint16](bytes.NewReader(encoded))
	if err != nil {
		panic("commonpasswords: the embedded filter cannot be read: " + err.Error())
	}
	return f
})

// Contains reports whether the whole password, which must be in lower case, is
// a common one. It is safe for concurrent use and does not allocate.
func Contains(password string) bool {
	return len(password) >= MinLength && filter().Contains(Key(password))
}

// Key is what the filter holds of a password: the first eight bytes of its
// SHA-256.
func Key(password string) uint64 {
	sum := sha256.Sum256([]byte(password))
	return binary.BigEndian.Uint64(sum[:])
}
