package sqlstore

import "strconv"

// partSizes are how many rows one statement reads or writes: few sizes, so that
// few statements are prepared.
var partSizes = [...]int{32, 8, 1}

// inParts does something to items in as few parts as their sizes allow.
func inParts[T any](items []T, do func([]T) error) error {
	for _, size := range partSizes {
		for len(items) >= size {
			if err := do(items[:size]); err != nil {
				return err
			}
			items = items[size:]
		}
	}
	return nil
}

// tuples repeats a tuple of placeholders and numbers them from first on.
func tuples(tuple string, n, first int) string {
	out := make([]byte, 0, n*(2*len(tuple)+2))
	for i := range n {
		if i > 0 {
			out = append(out, ", "...)
		}
		for _, c := range []byte(tuple) {
			out = append(out, c)
			if c == '?' {
				out = strconv.AppendInt(out, int64(first), 10)
				first++
			}
		}
	}
	return string(out)
}
