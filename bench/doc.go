// Package bench measures what usermgmt adds to a request, beside the least that
// any such library must add and beside other libraries. It is a module of its
// own, so that hosts inherit none of what it compares with.
//
// An absolute time says little on a shared machine. So what belongs together is
// measured in turn, round by round, in one process, and only the ratio to the
// floor of the same round counts. The command cmd/report does that, holds the
// ratios against the goals and writes ../docs/BENCHMARKS.md; go test -bench runs
// the same cases one by one, which is what a profile needs.
package bench
