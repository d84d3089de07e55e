//go:build !race

package stress_test

// raced says that the race detector runs, under which memory means nothing.
const raced = false
