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
	// Backup writes everything as it is at one moment into a new file, readable
	// by its owner alone, and makes sure that the copy can be read whole. Message
	// logs may go into a file of their own beside it, of another moment, whose
	// name begins as the file's does, up to the ending. Path must not exist, which is ErrConflict; its folder must. The file appears
	// when it is complete. Whatever is half done has a name that begins with path
	// and PartialSuffix, and goes when Backup fails; only a process that dies
	// leaves it behind.
	Backup(ctx context.Context, path string) error
}

// PartialSuffix follows the name of a backup that is not complete.
const PartialSuffix = ".partial"
