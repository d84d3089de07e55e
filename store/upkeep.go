package store

import "context"

// Upkeeper is an optional interface of a Store: one whose database wants care
// from time to time. A store without it gets none.
type Upkeeper interface {
	// Upkeep does what is due and reports the size of the database. It holds
	// nobody up for long, and may be called at any time.
	Upkeep(ctx context.Context) (Footprint, error)
}

// Footprint is the room that a database takes, in bytes.
type Footprint struct {
	Size int64 // of everything
	Free int64 // of which this much is empty and used again
	Log  int64 // of which this much is the log of what is not in its place yet
}

// Backuper is an optional interface of a Store: one that can copy itself while
// it is used.
type Backuper interface {
	// Backup copies everything into a new folder, readable by its owner alone, and
	// makes sure that the copy can be read whole. Its files are named as those
	// whose place they take. Each is of one moment; that of message logs may be
	// another. The folder must not exist, which is ErrConflict; the one that it is
	// in must. It appears when it is complete: until then it has PartialSuffix
	// after its name, and goes when Backup fails, so that only a process that dies
	// leaves it behind.
	Backup(ctx context.Context, folder string) error
}

// PartialSuffix follows the name of a backup that is not complete, or not any more.
const PartialSuffix = ".partial"
