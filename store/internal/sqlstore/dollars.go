package sqlstore

// Dollars rewrites the placeholders of a statement of this package from ?1 to
// $1, for PostgreSQL.
func Dollars(query string) string {
	out := []byte(query)
	for i, c := range out {
		if c == '?' {
			out[i] = '$'
		}
	}
	return string(out)
}
