// Package sqlite keeps everything in a SQLite file, and message logs in another
// beside it. It is the default store: nothing to install, and two processes on
// one machine may share the files.
//
// With cgo it is mattn/go-sqlite3, without it modernc.org/sqlite; both behave
// the same. The files are in WAL mode. One connection writes to each, with synchronous
// FULL, so that what a call acknowledged survives a loss of power; a pool of
// others reads, and never waits for the writer.
//
// A Store is opened by its path and not made of an open *sql.DB: the writing
// connection and the reading ones need rules of their own, which SQLite takes
// only when a connection is opened. A host that keeps tables of its own in the
// same file opens it a second time.
package sqlite
