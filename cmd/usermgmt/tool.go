package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/usermgmt/usermgmt/cmd/usermgmt/internal/quota"
)

// The exit codes.
const (
	exitOK    = 0
	exitWrong = 1 // something is wrong, or it could not be found out whether it is
	exitUsage = 2 // the command line or a setting is not understood
)

// tool is the command with what it reads and writes.
type tool struct {
	in       io.Reader
	out, err io.Writer
	open     quota.Opener
}

// errWrong says that what was looked at is wrong. It has been reported.
var errWrong = errors.New("something is wrong")

// usageError is about the command line or a setting.
type usageError struct{ error }

// command is a word of the command line. It has sub-commands or a run.
type command struct {
	name     string
	summary  string // one line
	help     string // what is said beside the flags
	hidden   bool
	commands []command
	run      func(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) error
}

func root() command {
	return command{
		name:     "usermgmt",
		help:     "Usermgmt is the operator's command.",
		commands: []command{auditCommands(), doctor()},
	}
}

// run carries out a command line and returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	c, path, rest := root().find(args)
	flags := flag.NewFlagSet(path, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() { c.explain(t.out, flags) }
	err := c.start(ctx, t, flags, rest)
	switch _, usage := errors.AsType[usageError](err); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case usage:
		fmt.Fprintf(t.err, "%v\nRun \"%s -h\" for help.\n", err, path)
		return exitUsage
	case !errors.Is(err, errWrong):
		fmt.Fprintf(t.err, "%s: %v\n", path, err)
	}
	return exitWrong
}

// find follows the words of a command line to the command they name.
func (c command) find(args []string) (found command, path string, rest []string) {
	found, path, rest = c, c.name, args
	for len(rest) > 0 {
		i := indexOf(found.commands, rest[0])
		if i < 0 {
			break
		}
		found, path, rest = found.commands[i], path+" "+rest[0], rest[1:]
	}
	return found, path, rest
}

// start runs a command, or says which there are.
func (c command) start(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) error {
	if c.run != nil {
		return c.run(ctx, t, flags, args)
	}
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("%s: there is no command %q", flags.Name(), flags.Arg(0))}
	}
	c.explain(t.out, flags)
	return nil
}

// parse reads flags. What they do not take is a usageError.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return usageError{fmt.Errorf("%s: %w", flags.Name(), err)}
	}
	return err
}

// explain writes the help text.
func (c command) explain(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(out, "%s\n\nUsage:\n\n  %s", c.help, flags.Name())
	if c.run == nil {
		fmt.Fprint(out, " <command>\n\nCommands:\n\n")
		for _, sub := range c.commands {
			if !sub.hidden {
				fmt.Fprintf(out, "  %-10s %s\n", sub.name, sub.summary)
			}
		}
		fmt.Fprintf(out, "\n\"%s <command> -h\" says more of each.\n", flags.Name())
		return
	}
	fmt.Fprint(out, " [flags]\n\nFlags:\n\n")
	flags.SetOutput(out)
	flags.PrintDefaults()
	flags.SetOutput(io.Discard)
}

func indexOf(commands []command, name string) int {
	for i, c := range commands {
		if c.name == name {
			return i
		}
	}
	return -1
}
