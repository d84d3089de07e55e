// Package sqlstore is what the SQL drivers share: the text of every statement
// and the methods of store.Queries made of it. A driver adds where statements
// run (a Runner), its schema and the meaning of its errors.
//
// The text is the same for SQLite and PostgreSQL. Placeholders are numbered,
// ?1 ?2 ..., each used at least once; Dollars rewrites them for PostgreSQL.
// Times are integer microseconds of Unix time, 0 for the zero time. JSON is
// TEXT, "" for none. Booleans are 0 and 1.
//
// A name that is taken is found by ON CONFLICT DO NOTHING and the number of
// rows, not by the text of an error, so that it ends no transaction on either
// database.
package sqlstore
