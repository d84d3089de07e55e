package httpapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllowlist_RoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	root := w.admin().access
	const path = "/admin/settings/ip-allowlist"
	get := func(want ...any) {
		t.Helper()
		if diff := cmp.Diff(map[string]any{"allow": append([]any{}, want...)}, w.call("GET", path, root, "").want(200, "").json()); diff != "" {
			t.Error(diff)
		}
	}
	get()
	a := w.call("PUT", path, root, `{"allow":["127.0.0.9/8","2001:DB8::1","::ffff:192.0.2.1","127.0.0.0/8"]}`).want(200, "")
	want := []any{"127.0.0.0/8", "2001:db8::1/128", "192.0.2.1/32"}
	if diff := cmp.Diff(map[string]any{"allow": want}, a.json()); diff != "" {
		t.Error(diff)
	}
	get(want...)

	w.call("PUT", path, root, `{"allow":["10.0.0.0/8"]}`).want(409, "would_lock_out")
	w.call("PUT", path+"?force=false", root, `{"allow":["10.0.0.0/8"]}`).want(409, "would_lock_out")
	w.call("PUT", path+"?force=CANARY", root, `{"allow":[]}`).want(422, "validation_failed")
	get(want...)
	w.call("PUT", path+"?force=true", root, `{"allow":["10.0.0.0/8"]}`).want(200, "")
	get("10.0.0.0/8")
	w.call("PUT", path, root, `{"allow":[]}`).want(200, "")
	get()

	many := `{"allow":[` + strings.TrimSuffix(strings.Repeat(`"127.0.0.1",`, 1001), ",") + `]}`
	for _, body := range []string{
		`{}`, `{"allow":null}`, `{"allow":"127.0.0.1"}`, `{"allow":["CANARY"]}`, `{"allow":[""]}`, `{"allow":["127.0.0.1/33"]}`,
		`{"allow":["fe80::1%eth0"]}`, `{"allow":[1]}`, `{"allow":[],"deny":[]}`, many,
	} {
		w.call("PUT", path, root, body).want(422, "validation_failed")
	}
	w.refusedTo("settings", "settings.ip_allowlist", "PUT", path, `{"allow":[]}`)
	w.refusedTo("settings", "settings.read", "GET", path, "")
}
