package metering

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/ratelimit"
	"github.com/usermgmt/usermgmt/store"
)

const (
	maxPlanName   = 100
	maxPlanLimits = 64
)

var windows = []store.Window{store.Day, store.Week, store.Month}

// checkPlan is an ErrValidation that names every member of a plan at fault.
func checkPlan(p store.Plan, meters []string) error {
	faults := planFaults(p, meters)
	if len(faults) == 0 {
		return nil
	}
	return &store.Error{Code: store.ErrValidation, Detail: "The plan has members that are not valid.", Fields: faults}
}

// checkDefaultPlan names every field of the configuration at fault.
func checkDefaultPlan(p store.Plan, meters []string) error {
	names := map[string]string{"id": "ID", "name": "Name", "on_interrupt": "OnInterrupt", "rate_limit": "RateLimit",
		"message_retention": "MessageRetention", "credit_grant": "CreditGrant", "limits": "Limits"}
	var faults []error
	for _, f := range planFaults(p, meters) {
		member, index, _ := strings.Cut(f.Field, "[")
		if index != "" {
			index = "[" + index
		}
		faults = append(faults, fmt.Errorf("DefaultPlan.%s%s %s", names[member], index, f.Message))
	}
	return errors.Join(faults...)
}

func planFaults(p store.Plan, meters []string) (faults []store.FieldError) {
	check := func(ok bool, field, rule, message string) {
		if !ok {
			faults = append(faults, store.FieldError{Field: field, Rule: rule, Message: message})
		}
	}
	check(ValidPlanID(p.ID), "id", "format", "must be 1 to 64 of a-z, 0-9 and -, the first and the last a letter or digit")
	check(len(p.Name) <= maxPlanName, "name", "too_long", "must have at most 100 bytes")
	check(slices.Contains([]store.Interruption{store.ChargeDelivered, store.ChargeEstimate, store.ChargeNothing}, p.OnInterrupt),
		"on_interrupt", "one_of", "must be charge_delivered, charge_estimate or charge_nothing")
	if p.RateLimit != "" {
		_, err := ratelimit.ParseRate(p.RateLimit)
		check(err == nil, "rate_limit", "format", "must be a rate such as 20/s,burst=40")
	}
	check(p.MessageTextRetention >= 0 && p.MessageRetention >= 0, "message_retention", "range", "must not be negative")
	if g := p.CreditGrant; g != nil {
		check(g.Amount >= 1 && g.Amount <= store.MaxAmount, "credit_grant", "range", "must have an amount of 1 or more")
		check(slices.Contains(windows, g.Window), "credit_grant", "one_of", "must have the window day, week or month")
		check(g.Mode == store.GrantAdd || g.Mode == store.GrantTopUp, "credit_grant", "one_of", "must have the mode add or top_up")
	}
	return append(faults, limitFaults(p.Limits, meters)...)
}

// limitFaults says what is wrong with limits, of a plan or of a user.
func limitFaults(limits []store.Limit, meters []string) (faults []store.FieldError) {
	if len(limits) > maxPlanLimits {
		return []store.FieldError{{Field: "limits", Rule: "too_many", Message: "must be at most 64"}}
	}
	for i, l := range limits {
		check := func(ok bool, rule, message string) {
			if !ok {
				faults = append(faults, store.FieldError{Field: fmt.Sprintf("limits[%d]", i), Rule: rule, Message: message})
			}
		}
		check(slices.Contains(meters, l.Meter), "unknown", "must name a meter that is declared")
		check(slices.Contains(windows, l.Window), "one_of", "must have the window day, week or month")
		check(l.Limit >= store.Unlimited && l.Limit <= store.MaxAmount, "range", "must have a limit of 0 or more, or Unlimited")
		check(!slices.ContainsFunc(limits[:i], func(other store.Limit) bool { return samePair(other, l) }),
			"duplicate", "must be the only one of its meter and window")
	}
	return faults
}

func samePair(a, b store.Limit) bool { return a.Meter == b.Meter && a.Window == b.Window }

// differences returns what differs between two versions of a plan, by field.
func differences(from, to store.Plan) map[string]store.Diff {
	diffs := map[string]store.Diff{}
	add := func(field string, differ bool, from, to any) {
		if differ {
			diffs[field] = store.Diff{From: from, To: to}
		}
	}
	add("name", from.Name != to.Name, from.Name, to.Name)
	add("limits", !slices.Equal(from.Limits, to.Limits), from.Limits, to.Limits)
	add("credit_grant", !sameGrant(from.CreditGrant, to.CreditGrant), from.CreditGrant, to.CreditGrant)
	add("rate_limit", from.RateLimit != to.RateLimit, from.RateLimit, to.RateLimit)
	add("on_interrupt", from.OnInterrupt != to.OnInterrupt, from.OnInterrupt, to.OnInterrupt)
	add("message_text_retention", from.MessageTextRetention != to.MessageTextRetention,
		from.MessageTextRetention.String(), to.MessageTextRetention.String())
	add("message_retention", from.MessageRetention != to.MessageRetention,
		from.MessageRetention.String(), to.MessageRetention.String())
	return diffs
}

func sameGrant(a, b *store.CreditGrant) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
