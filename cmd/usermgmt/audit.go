package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/audit"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

const auditName = "audit"

const auditStoreHelp = `The store is that of -database, or of USERMGMT_DATABASE_URL in the environment or
in .env. The keys are those of USERMGMT_AUDIT_KEYS, or of the file <database>.keys.
The anchors are those of -anchors, or of USERMGMT_AUDIT_ANCHOR_FILE, or of the file
<database>.anchors.`

const verifyHelp = `Verify reads the audit trail and says whether it is what was written: nothing
edited, nothing missing, in its order, and as far as the anchors say. The database
is only read, so that it may be a backup, or one that a server has open.

The exit code is 0 when the trail is valid and 1 when not.

` + auditStoreHelp

const anchorHelp = `Anchor writes down how far the audit trail has come: nothing that is there now can be
cut off afterwards without verify finding it. It is an event of the trail itself.
Where the last event is under a key that is not given, nothing is written.

` + auditStoreHelp

func auditCommands() command {
	return command{
		name:    auditName,
		summary: "verify and anchor the audit trail",
		help:    "Audit proves that the audit trail is what was written.",
		commands: []command{
			{name: "verify", summary: "find what was edited, deleted, moved or cut off", help: verifyHelp, run: runVerify},
			{name: "anchor", summary: "write down how far the trail has come", help: anchorHelp, run: runAnchor},
		},
	}
}

// trailFlags are those of both commands.
type trailFlags struct{ database, anchors string }

func (f *trailFlags) add(flags *flag.FlagSet) {
	flags.StringVar(&f.database, "database", "", "the `URL` of the store, such as sqlite:usermgmt.db")
	flags.StringVar(&f.anchors, "anchors", "", "the `file` of anchors")
}

// config is that of the environment with the flags in their place.
func (f *trailFlags) config(flags *flag.FlagSet, args []string) (usermgmt.Config, error) {
	if err := parse(flags, args); err != nil {
		return usermgmt.Config{}, err
	}
	if flags.NArg() > 0 {
		return usermgmt.Config{}, usageError{fmt.Errorf("%s takes no arguments but flags", flags.Name())}
	}
	cfg, err := usermgmt.FromEnv()
	if err != nil {
		return cfg, usageError{err}
	}
	cfg.DatabaseURL = cmp.Or(f.database, cfg.DatabaseURL, "sqlite:usermgmt.db")
	cfg.AuditAnchorFile = cmp.Or(f.anchors, cfg.AuditAnchorFile)
	return cfg, nil
}

func runVerify(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) (err error) {
	var f trailFlags
	f.add(flags)
	fromAnchor := flags.Bool("from-anchor", false, "begin with the event of the last anchor")
	asJSON := flags.Bool("json", false, "write what was found as JSON")
	cfg, err := f.config(flags, args)
	if err != nil {
		return err
	}
	if f.anchors != "" {
		if _, err := os.Stat(f.anchors); err != nil {
			return fmt.Errorf("the anchors are not where -anchors says: %w", err) // a trail without any verifies, and says less
		}
	}
	db, err := openReadOnly(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	trail, err := usermgmt.AuditTrail(cfg, db)
	if err != nil {
		return err
	}
	defer trail.Close()
	began := time.Now()
	v, err := trail.Verify(ctx, audit.VerifyOptions{FromAnchor: *fromAnchor})
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(t.out).Encode(v)
	} else {
		err = report(t.out, v, time.Since(began))
	}
	if err == nil && !v.Valid {
		err = errWrong
	}
	return err
}

// report says what was found.
func report(out io.Writer, v audit.Verification, took time.Duration) error {
	if v.Events > 0 {
		fmt.Fprintf(out, "%d events are as they were written: %d to %d (%.0f a second)\n", v.Events, v.FromSeq, v.ToSeq, float64(v.Events)/took.Seconds())
	} else {
		fmt.Fprintln(out, "no event was verified")
	}
	if v.AnchoredSeq > 0 {
		fmt.Fprintf(out, "an anchor outside of the database agrees up to %d; what is after it could be cut off unseen\n", v.AnchoredSeq)
	} else {
		fmt.Fprintln(out, "no anchor outside of the database agrees: what was cut off the end is not found")
	}
	verdict := "valid"
	if v.FirstBad != nil {
		verdict = "NOT valid: " + describe(*v.FirstBad)
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// describe says what is wrong, and where.
func describe(b audit.Bad) string {
	event := fmt.Sprint("event ", b.Seq)
	if b.ID != "" {
		event += " (" + b.ID + ")"
	}
	switch b.Problem {
	case audit.Edited:
		return event + " is not what was written (edited)"
	case audit.Missing:
		return event + " is gone, and later ones are not (missing)"
	case audit.Reordered:
		return event + " does not stand where it was written (reordered)"
	case audit.Truncated:
		return "the trail was cut off before " + event + ", or is an older copy (truncated)"
	case audit.KeyMissing:
		of := event
		if b.Line > 0 {
			of = fmt.Sprint("anchor ", b.Line)
		}
		return fmt.Sprintf("%s needs the audit key %s, which is not among those given (key_missing)", of, b.KeyID)
	}
	return fmt.Sprintf("anchor %d is none of ours (%s)", b.Line, b.Problem)
}

func runAnchor(ctx context.Context, t *tool, flags *flag.FlagSet, args []string) (err error) {
	var f trailFlags
	f.add(flags)
	cfg, err := f.config(flags, args)
	if err != nil {
		return err
	}
	there, err := openReadOnly(ctx, cfg.DatabaseURL) // none is made
	if err != nil {
		return err
	}
	if err := there.Close(); err != nil {
		return err
	}
	db, err := t.open(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	trail, err := usermgmt.AuditTrail(cfg, db)
	if err != nil {
		return err
	}
	defer trail.Close()
	switch missing, err := trail.MissingKey(ctx); {
	case err != nil:
		return err
	case missing != "":
		return fmt.Errorf("the trail is under the audit key %s, which is not among those given; nothing was written", missing)
	}
	err = db.InTx(ctx, func(ctx context.Context, q store.Queries) error {
		return trail.Append(ctx, q, store.Change{Action: "audit.anchor", Actor: store.System(), Target: store.Target{Kind: auditName}})
	})
	if err != nil {
		return err
	}
	a, err := trail.Anchor(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "anchored up to event %d\n", a.Seq)
	return err
}

// openReadOnly opens the store that a URL names, without making or changing it.
func openReadOnly(ctx context.Context, url string) (*sqlite.ReadOnly, error) {
	scheme, _, _ := strings.Cut(url, ":")
	if !slices.Contains(sqlite.Driver.Schemes(), scheme) {
		return nil, errNoDriver
	}
	path, err := sqlite.Path(url)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReadOnly(ctx, path)
}
