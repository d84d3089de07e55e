package main

import "strings"

// reply stands in for a model: it answers at once, from the message alone.
func reply(message string) string {
	return "You said: " + strings.Join(strings.Fields(message), " ")
}

// tokens counts words, which is near enough for a parrot.
func tokens(text string) int64 { return int64(len(strings.Fields(text))) }
