package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/cmd/usermgmt/internal/quota"
)

const quotaHelp = `Quota finds out whether metering is exact on a store. It lets processes race each
other for the limit and the balance of an account that it makes for this and
removes again: they consume, reserve, settle, release, and forget what they
reserved. When all leases are over it takes what is left and looks at the books.

over is what was given out beyond what there was, under what could not be given
out. The exit code is 0 when both are 0 and 1 when not.

The store is that of -database, or of USERMGMT_DATABASE_URL in the environment or
in .env, or without either a temporary SQLite file. Nothing else in it is touched,
but a store that serves others is busy meanwhile.`

func doctorQuota() command {
	return command{
		name:    "quota",
		summary: "race processes against one limit and one balance",
		help:    quotaHelp,
		run:     runDoctorQuota,
	}
}

const racerName = "quota-racer"

// doctorQuotaRacer is what the processes in a race are started as.
func doctorQuotaRacer() command {
	return command{
		name:   racerName,
		help:   "Quota-racer is one of the processes that doctor quota starts.",
		hidden: true,
		run: func(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) error {
			if err := parse(flags, args); err != nil {
				return err
			}
			return quota.Run(ctx, t.in, t.out, t.open)
		},
	}
}

func runDoctorQuota(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) error {
	var s quota.Settings
	flags.IntVar(&s.Processes, "processes", 2, "how many `processes` race")
	flags.IntVar(&s.Callers, "callers", 64, "how many `callers` each has at once")
	flags.IntVar(&s.Requests, "requests", 1000, "how many `requests` there are, for the limit and for the balance each")
	flags.Int64Var(&s.Limit, "limit", 300, "the limit, in `conversations` a day")
	flags.Int64Var(&s.Credits, "credits", 300, "the balance, in `micro-units`")
	flags.DurationVar(&s.Lease, "lease", 5*time.Second, "how `long` what is reserved stays held; so long it waits in the end")
	flags.BoolVar(&s.Kill, "kill", false, "kill half of the processes (SIGKILL) on their way")
	seconds := flags.Int("seconds", 60, "end the race after so many `seconds`, finished or not")
	database := flags.String("database", "", "the `URL` of the store, such as sqlite:usermgmt.db")
	asJSON := flags.Bool("json", false, "write the report as JSON")
	if err := parse(flags, args); err != nil {
		return err
	}
	s.Within = time.Duration(*seconds) * time.Second
	if err := s.Check(); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("%s takes no arguments but flags", flags.Name())}
	}
	url, where, remove, err := storeToUse(*database)
	if err != nil {
		return err
	}
	defer remove()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := quota.Race(ctx, s, url, t.open, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, self, doctorName, racerName)
	})
	if err != nil {
		return err
	}
	if *asJSON {
		err = writeJSON(t.out, report)
	} else {
		err = writeTable(t.out, report, where)
	}
	if err == nil && !report.Exact() {
		err = errWrong
	}
	return err
}

// storeToUse finds out which store is meant, and how to name it to people: a URL
// may hold a password. remove takes a temporary one away.
func storeToUse(flag string) (url, where string, remove func(), err error) {
	if flag != "" {
		return flag, "the store of -database", func() {}, nil
	}
	cfg, err := usermgmt.FromEnv()
	if err != nil {
		return "", "", nil, usageError{err}
	}
	if cfg.DatabaseURL != "" {
		return cfg.DatabaseURL, "the store of USERMGMT_DATABASE_URL", func() {}, nil
	}
	dir, err := os.MkdirTemp("", "usermgmt-doctor-")
	if err != nil {
		return "", "", nil, err
	}
	return "sqlite:" + filepath.Join(dir, "usermgmt.db"), "a temporary SQLite file", func() { _ = os.RemoveAll(dir) }, nil
}

// reportJSON is a report with its verdict.
type reportJSON struct {
	Exact bool `json:"exact"`
	quota.Report
}

func writeJSON(out io.Writer, r quota.Report) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(reportJSON{r.Exact(), r})
}

func writeTable(out io.Writer, r quota.Report, where string) error {
	fmt.Fprintf(out, "%d processes of %d callers, %d killed, on %s\n\n", r.Processes, r.Callers, r.Killed, where)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tunits\tadmitted\trefused\tunknown\tpeak\tused\treserved\tover\tunder\t")
	for _, row := range []struct {
		name string
		quota.Book
	}{{"limit", r.Limit}, {"credits", r.Credits}} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", row.name, row.Units, row.Admitted, row.Refused,
			row.Unknown, row.Peak, row.Used, row.Reserved, row.Over, row.Under)
	}
	err := w.Flush()
	fmt.Fprintf(out, "\nbalance %d, sum of the ledger %d\n%.0f verdicts a second, for %.1f s\n", r.Balance, r.Ledger, r.Rate, r.Seconds)
	if r.Fault != "" {
		fmt.Fprintf(out, "some requests failed, the last one so: %s\n", r.Fault)
	}
	verdict := "exact: nothing over, nothing under"
	if !r.Exact() {
		verdict = "NOT exact"
	}
	_, last := fmt.Fprintln(out, verdict)
	return errors.Join(err, last)
}
