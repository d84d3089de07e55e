package account

import (
	"encoding/json"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// fields is a record as it leaves the service: under the names that the API has
// for its members, and without secrets.
type fields map[string]any

// exportedUsage is what was used on one day of the account's time zone.
type exportedUsage struct {
	Date  string `json:"date"`
	Meter string `json:"meter"`
	Used  int64  `json:"used"`
}

func exportedUser(u store.User) fields {
	return fields{
		"id": u.ID, "username": u.Username, "email": u.Email, "email_verified": u.EmailVerified, "display_name": u.DisplayName,
		"status": u.Status, "suspended_reason": u.SuspendedReason, "suspended_until": timeOrNil(u.SuspendedUntil), "plan": u.Plan,
		"limits": exportedLimits(u.Limits), "time_zone": u.Zone.Name, "mfa_enabled": u.MFAEnabled, "metadata": rawOr(u.Metadata, "{}"),
		"created_at": u.CreatedAt, "updated_at": u.UpdatedAt, "last_login_at": timeOrNil(u.LastLoginAt),
	}
}

func exportedKey(k store.APIKey, now time.Time) any {
	return fields{
		"id": k.ID, "name": k.Name, "prefix": k.Prefix, "last4": k.Last4, "scopes": listOrEmpty(k.Scopes), "allowed_ips": listOrEmpty(k.AllowedIPs),
		"rate_limit": k.RateLimit, "limits": exportedLimits(k.Limits), "status": k.StatusAt(now), "rotated_from": k.RotatedFrom,
		"created_at": k.CreatedAt, "last_used_at": timeOrNil(k.LastUsedAt), "expires_at": timeOrNil(k.EndsAt()), "revoked_at": timeOrNil(k.RevokedAt),
	}
}

func exportedSession(s store.Session) any {
	return fields{"id": s.ID, "created_at": s.CreatedAt, "last_seen_at": s.LastSeen, "expires_at": s.ExpiresAt, "ip": s.IP, "user_agent": s.UserAgent}
}

func exportedEntry(e store.LedgerEntry) any {
	return fields{
		"id": e.ID, "kind": e.Kind, "amount": e.Amount, "balance_after": e.BalanceAfter, "source": e.Source, "grant_id": e.GrantID,
		"reservation_id": e.ReservationID, "shortfall": e.Shortfall, "outcome": e.Outcome, "reason": e.Reason,
		"expires_at": timeOrNil(e.ExpiresAt), "created_at": e.CreatedAt,
	}
}

func exportedMessage(m store.Message) any {
	return fields{
		"id": m.ID, "conversation_id": m.ConversationID, "seq": m.Seq, "username": m.Username, "model": m.Model,
		"request": rawOr(m.Request, "[]"), "response": rawOr(m.Response, "[]"), "tokens_in": m.TokensIn, "tokens_out": m.TokensOut,
		"cost": m.Cost, "latency_ms": m.Latency.Milliseconds(), "status": m.Status, "metadata": rawOr(m.Metadata, "{}"), "created_at": m.CreatedAt,
	}
}

// exportedEvent says of others who acted only of what kind they are: their names
// and addresses are theirs.
func exportedEvent(e store.AuditEvent, about string) any {
	actor := fields{"kind": e.ActorKind}
	out := fields{"id": e.ID, "at": e.At, "actor": actor, "action": e.Action, "target": fields{"kind": e.Target.Kind, "id": e.Target.ID},
		"result": e.Result, "request_id": e.RequestID, "count": e.Count}
	own := e.ActorID == about
	if own {
		actor["id"] = e.ActorID
	}
	if d := e.Detail; d != nil {
		out["reason"], out["changes"] = d.Reason, rawOr(d.Changes, "{}")
		if own || e.ActorKind == store.ActorAnonymous { // failed attempts to sign in as him
			out["ip"] = d.IP
		}
	}
	return out
}

func exportedLimits(limits []store.Limit) any {
	out := make([]fields, len(limits))
	for i, l := range limits {
		out[i] = fields{"meter": l.Meter, "window": l.Window, "limit": l.Limit}
		if l.Limit == store.Unlimited {
			out[i]["limit"] = nil
		}
	}
	return out
}

func listOrEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

// rawOr is raw, or what stands for nothing.
func rawOr(raw json.RawMessage, nothing string) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage(nothing)
	}
	return raw
}
