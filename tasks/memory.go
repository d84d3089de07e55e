package tasks

import (
	"context"
	"errors"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

var errMemory = errors.New("tasks: the process holds more memory than its limit, also after caches were shrunk")

// watchMemory looks whether the process holds more memory than it should. Then
// it writes what waits in memory, gives up what caches need no longer, and
// returns what is free to the system. It fails when that was not enough, so that
// it shows.
func (b Builtins) watchMemory() Task {
	return Task{Name: "memory.watch", Every: 30 * time.Second, Jitter: -1, Run: func(ctx context.Context) error {
		before := heldMemory()
		if before <= b.MemoryLimit {
			return nil
		}
		var err error
		if b.Flush != nil {
			err = b.Flush(ctx)
		}
		dropped := 0
		if b.Shrink != nil {
			dropped = b.Shrink(b.Clock())
		}
		debug.FreeOSMemory() // collects first
		after := heldMemory()
		b.Logger.WarnContext(ctx, "memory has passed its limit",
			"limit_bytes", b.MemoryLimit, "before_bytes", before, "after_bytes", after, "dropped", dropped)
		if after > b.MemoryLimit {
			err = errors.Join(err, errMemory)
		}
		return err
	}}
}

// heldMemory is what the Go runtime holds and has not returned to the system, as
// GOMEMLIMIT counts it. What SQLite holds is not in it.
func heldMemory() uint64 {
	read := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(read)
	return read[0].Value.Uint64() - read[1].Value.Uint64()
}
