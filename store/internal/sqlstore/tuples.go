package sqlstore

import (
	"context"
	"strconv"
)

// partSizes are how many rows one statement reads or writes: few sizes, so that
// few statements are prepared.
var partSizes = [...]int{128, 32, 8, 1}

// inSizes makes the text of a statement for each of the sizes, once.
func inSizes(text func(n int) string) map[int]string {
	texts := make(map[int]string, len(partSizes))
	for _, n := range partSizes {
		texts[n] = text(n)
	}
	return texts
}

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

// tuples repeats a tuple of placeholders and numbers them from first on. A # is
// the number of the tuple, from 0; a ! is the placeholder before once more.
func tuples(tuple string, n, first int) string {
	out := make([]byte, 0, n*(2*len(tuple)+2))
	for i := range n {
		if i > 0 {
			out = append(out, ", "...)
		}
		for _, c := range []byte(tuple) {
			switch c {
			case '?':
				out = strconv.AppendInt(append(out, c), int64(first), 10)
				first++
			case '!':
				out = strconv.AppendInt(append(out, '?'), int64(first-1), 10)
			case '#':
				out = strconv.AppendInt(out, int64(i), 10)
			default:
				out = append(out, c)
			}
		}
	}
	return string(out)
}

// readMap reads what there is of many keys. text makes the statement for some of
// them, of which first is the first argument.
func readMap[V any](ctx context.Context, q *Queries, text func(n int) string, first any, keys []string, scan func(scanner) (string, V, error)) (map[string]V, error) {
	return read(ctx, q, func(c Reader) (map[string]V, error) {
		found := make(map[string]V, len(keys))
		return found, inParts(keys, func(part []string) error {
			args := append(make([]any, 0, 1+len(part)), first)
			for _, key := range part {
				args = append(args, key)
			}
			_, err := all(ctx, c, func(r scanner) (struct{}, error) {
				key, v, err := scan(r)
				found[key] = v
				return struct{}{}, err
			}, text(len(part)), args...)
			return err
		})
	})
}
