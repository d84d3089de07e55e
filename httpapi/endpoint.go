package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/internal/problem"
	"github.com/usermgmt/usermgmt/middleware"
	"github.com/usermgmt/usermgmt/store"
)

// maxBody is the longest body that is read, unless a route says otherwise.
const maxBody = 1 << 20

// maxID is longer than any id.
const maxID = 64

// none is the body of a request or an answer that has none.
type none struct{}

// handler does what an operation is for. Its error is answered as a problem.
type handler[I, O any] func(ctx context.Context, c *call, in I) (O, error)

// endpoint stands between a request and the handler of its operation: it
// decides, decodes, calls and encodes. huma describes and routes operations but
// does not read their bodies: its decoder takes what encoding/json takes, its
// errors repeat the input, and its read deadline replaces the server's.
type endpoint[I, O any] struct {
	api     *API
	kind    authn.Kind // whose routes it is one of
	route   route
	body    *shape // nil when no body is read
	handler handler[I, O]
}

func (e *endpoint[I, O]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(r)
	out, err := e.answer(w, r, &c)
	if errors.Is(err, errAnswered) {
		return
	}
	middleware.SetQuota(w.Header(), c.counters, e.api.cfg.Clock())
	if err != nil {
		e.api.logFault(r.Context(), e.route.id, c.origin.RequestID, err)
		problem.Write(w, r, err)
		return
	}
	if c.replayed {
		w.Header().Set(headerReplayed, "true")
	}
	status := cmp.Or(c.status, e.route.status)
	if _, empty := any(out).(none); empty {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, out)
}

func (e *endpoint[I, O]) answer(w http.ResponseWriter, r *http.Request, c *call) (out O, err error) {
	if err := e.api.admit(c, e.kind, e.route, r.URL.Query()); err != nil {
		return out, err
	}
	if e.route.idempotent {
		if c.idempotency.Key, err = idempotencyKey(r.Header); err != nil {
			return out, err
		}
	}
	in, err := e.read(w, r)
	if err != nil {
		return out, err
	}
	if err := e.admitAgain(w, r, c); err != nil {
		return out, err
	}
	if err := checkReason(e.kind, e.route.action, in); err != nil {
		return out, err
	}
	if e.route.idempotent {
		c.nameRequest(e.route.id, in)
	}
	out, err = e.handler(r.Context(), c, in)
	e.api.recordRefusal(c, e.route.action, err)
	return out, oneNotFound(err)
}

// admit decides whether the caller may ask at all, and reads the query.
func (a *API) admit(c *call, kind authn.Kind, rt route, query url.Values) error {
	if err := a.decide(c, kind, rt.action); err != nil {
		return err
	}
	if rt.list != nil {
		if err := rt.list.read(c, rt.id, query, a.cfg.CursorKeys); err != nil {
			return err
		}
	}
	rt.readQuery(c, query)
	return nil
}

// decide asks the table, and records a refusal.
func (a *API) decide(c *call, kind authn.Kind, action authz.Action) error {
	err := a.cfg.Ceilings.Decide(c.principal, kind, action)
	if err != nil {
		a.recordDenial(c, action)
	}
	return err
}

// errAnswered says that a request was refused, and the refusal is written.
var errAnswered = errors.New("httpapi: the request is answered")

// admitAgain decides anew about staff and admins once their body is here: the
// first decision is as old as they take to send it, and what they change outlasts
// the right to change it.
func (e *endpoint[I, O]) admitAgain(w http.ResponseWriter, r *http.Request, c *call) error {
	if e.body == nil || authz.Public(e.route.action) || e.kind != authn.KindStaff && e.kind != authn.KindAdmin {
		return nil
	}
	err := errAnswered
	e.api.cfg.Authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.principal, _ = authn.FromContext(r.Context())
		err = e.api.decide(c, e.kind, e.route.action)
	})).ServeHTTP(w, r)
	return err
}

// reasoned is a body that says why.
type reasoned interface{ why() string }

// Because is the part of a body that says why. The action's row in authz says
// whether it must.
type Because struct {
	Reason string `json:"reason,omitempty" doc:"Needed: it goes into the audit trail"`
}

func (b Because) why() string { return b.Reason }

// checkReason asks for a reason where the table does.
func checkReason(kind authn.Kind, action authz.Action, body any) error {
	if !authz.NeedsReason(kind, action) {
		return nil
	}
	return change.CheckReason(body.(reasoned).why())
}

// read takes the body out of a request, where the operation has one.
func (e *endpoint[I, O]) read(w http.ResponseWriter, r *http.Request) (in I, err error) {
	if e.body == nil {
		return in, nil
	}
	limit, large := int64(maxBody), e.api.large
	if e.route.maxBody > 0 {
		limit, large = e.route.maxBody, nil // services are few, and send large bodies by right
	}
	data, done, err := readJSON(w, r, limit, large)
	defer done()
	if err != nil {
		return in, err
	}
	err = decodeJSON(data, e.body, &in)
	return in, err
}

// oneNotFound gives everything that is not found one answer, whoever noticed
// it: another's record must not be told from one that does not exist.
func oneNotFound(err error) error {
	if store.CodeOf(err) != store.ErrNotFound {
		return err
	}
	return store.Errorf(store.ErrNotFound, "There is no such record.")
}

// readJSON reads a body that says it is JSON, or none at all. The caller calls
// done, also after an error, when it has no more need of data.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, large largeBodies) (data []byte, done func(), err error) {
	if err := middleware.LimitBody(w, r, limit); err != nil {
		return nil, func() {}, err
	}
	data, done, err = large.read(r.Context(), r.Body)
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok:
		err = store.Errorf(store.ErrPayloadTooLarge, "The body is longer than the %d bytes that are read.", tooLarge.Limit)
	case store.CodeOf(err) == store.ErrUnavailable:
	case err != nil:
		err = &store.Error{Code: store.ErrInvalidRequest, Detail: "The body did not arrive whole.", Err: err}
	case len(data) > 0 && !saysJSON(r.Header):
		err = store.Errorf(store.ErrUnsupportedMediaType, "The body must be application/json.")
	}
	return data, done, err
}

func saysJSON(h http.Header) bool {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// writeJSON answers with a value that encodes for certain: all are ours.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}

// recordDenial tells the audit trail of a refusal. Whoever shows no credential
// has done nothing yet that is worth a row.
func (a *API) recordDenial(c *call, action authz.Action) {
	if !c.principal.Authenticated() {
		return
	}
	a.cfg.Trail.Record(store.Change{
		Action: string(action),
		Actor:  c.actor(),
		Target: c.target(action),
		Result: store.Denied,
		At:     a.cfg.Clock().UTC(),
	})
}

// target is what a refused request was about: the record that its path names, or
// the caller's own account. What is asked for of a user's, such as his keys, is
// about the user.
func (c *call) target(action authz.Action) store.Target {
	kind, _, _ := strings.Cut(string(action), ".")
	switch {
	case isID(c.keyID):
		return store.Target{Kind: "key", ID: c.keyID, Owner: c.id}
	case strings.HasPrefix(c.id, ids.User) && isID(c.id):
		return store.Target{Kind: string(authn.KindUser), ID: c.id}
	case isID(c.id):
		return store.Target{Kind: kind, ID: c.id}
	}
	return store.Target{Kind: string(c.principal.Kind), ID: c.subject()}
}

// recordRefusal tells the audit trail of what a handler refused because of who
// asks: a ceiling, a rank or a right that depends on what the request is about.
func (a *API) recordRefusal(c *call, action authz.Action, err error) {
	switch store.CodeOf(err) {
	case store.ErrForbidden, store.ErrCeilingExceeded, store.ErrLastOwner:
		a.recordDenial(c, action)
	}
}

// isID reports whether a text of the path could name a record of ours. Anything
// else, of any length and in any bytes, is nothing to keep.
func isID(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// logFault logs the cause of an answer that is our fault or a dependency's:
// the answer itself does not say it.
func (a *API) logFault(ctx context.Context, operation, requestID string, err error) {
	if problem.From(err, requestID).Status < http.StatusInternalServerError || ctx.Err() != nil {
		return
	}
	a.cfg.Logger.ErrorContext(ctx, "a request failed", "operation", operation, "request_id", requestID, "error", err)
}
