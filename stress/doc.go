// Package stress holds tests that attack the whole product from outside: hosts
// that are processes of their own, with a real Manager, listener and database
// file, are loaded, flooded, paused and killed, and then what they promised is
// looked for. It exports nothing. Each test has a short form, which
//
//	go test ./stress
//
// runs with all the others, and a long one, whose figures it prints:
//
//	go test ./stress -long -v -timeout 1h
package stress
