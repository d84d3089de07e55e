// Package authz decides what an authenticated caller may do: one table, one
// pure decision. The table has a row an action and a column a kind of caller.
// It reads nothing and keeps nothing, so a decision depends on its arguments
// alone.
package authz
