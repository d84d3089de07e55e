// Package account keeps people: it registers them, signs them in, changes what
// is theirs, suspends them and deletes them so that they can come back. Its rules
// for names, addresses and passwords are plain functions, usable on their own.
package account
