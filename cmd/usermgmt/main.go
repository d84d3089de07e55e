// Usermgmt is the operator's command. Run it without arguments to see what it can
// do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t := &tool{in: os.Stdin, out: os.Stdout, err: os.Stderr, open: openStore}
	code := t.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
