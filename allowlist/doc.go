// Package allowlist keeps the list of addresses that requests are taken from,
// which admins change while the service runs. What is set on one instance holds
// there when the call returns, and on every other within a second.
package allowlist
