package usermgmt

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. In the environment it is written such as 64MiB.
type Bytes int64

// parseBytes reads a whole number with B, KiB, MiB, GiB or nothing behind it.
func parseBytes(s string) (Bytes, error) {
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, shift = number, 10*(i+1)
		}
	}
	if shift == 0 {
		s = strings.TrimSuffix(s, "B")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, errors.New("usermgmt: a size is a whole number with B, KiB, MiB or GiB behind it")
	}
	return Bytes(n << shift), nil
}
