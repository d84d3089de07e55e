package usermgmt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Close refuses new work, writes what is still in memory, waits for what is
// under way and closes what New opened. It gives up after Config.CloseTimeout
// with an error that says what it could not wait for, and how many messages are
// not stored. A second call waits for the first and returns its error. Shut the
// http.Server down first: Close does not wait for handlers.
func (m *Manager) Close() error {
	m.closeOnce.Do(func() {
		m.end()
		m.closeErr = m.shutdown(time.After(m.cfg.CloseTimeout))
	})
	return m.closeErr
}

// patience is how long what ends with the Manager may wait for a database that
// does not answer: there is to be time to say so.
func (m *Manager) patience() time.Duration { return m.cfg.CloseTimeout - m.cfg.CloseTimeout/10 }

// closer is one room that Close ends.
type closer struct {
	name  string
	close func() error
}

// shutdown ends the rooms that write, all at once, since none of them waits for
// another and all have the same time; then what they write to. It also undoes a
// build that broke off half way.
func (m *Manager) shutdown(deadline <-chan time.Time) error {
	var rooms, below []closer
	if m.runner != nil {
		rooms = append(rooms, closer{"tasks", func() error { m.runner.Close(); return nil }})
	}
	if m.door != nil {
		m.door.Close()
	}
	if m.metering != nil {
		rooms = append(rooms, closer{"metering", m.metering.Close})
	}
	if m.messages != nil {
		rooms = append(rooms, closer{"messages", m.messages.Close})
	}
	if m.keyUses != nil {
		rooms = append(rooms, closer{"key uses", m.keyUses.Close})
	}
	if m.trail != nil {
		rooms = append(rooms, closer{"audit trail", m.trail.Close})
		below = append(below, closer{"anchor", func() error { m.anchorLast(); return nil }})
	}
	if m.follower != nil {
		below = append(below, closer{"change feed", func() error { m.follower.Close(); return nil }})
	}
	if m.opened {
		below = append(below, closer{"store", m.store.Close})
	}
	var e ending
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.together(rooms)
		for _, room := range below {
			e.together([]closer{room})
		}
	}()
	select {
	case <-ended:
		return errors.Join(e.errs...)
	case <-deadline:
		return m.gaveUp(&e)
	}
}

// gaveUp is what Close answers when there is no time left.
func (m *Manager) gaveUp(e *ending) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	errs := append(slices.Clone(e.errs), fmt.Errorf("usermgmt: Close gave up waiting for: %s", strings.Join(e.open, ", ")))
	if m.messages != nil {
		if n := m.messages.Stats().Waiting; n > 0 {
			errs = append(errs, fmt.Errorf("usermgmt: %d messages are not stored", n))
		}
	}
	return errors.Join(errs...)
}

// ending is how far Close is.
type ending struct {
	mu   sync.Mutex
	open []string // what is being closed
	errs []error
}

// together closes rooms at the same time and waits for all.
func (e *ending) together(rooms []closer) {
	var closing sync.WaitGroup
	for _, room := range rooms {
		e.mu.Lock()
		e.open = append(e.open, room.name)
		e.mu.Unlock()
		closing.Go(func() {
			err := room.close()
			e.mu.Lock()
			defer e.mu.Unlock()
			e.open = slices.DeleteFunc(e.open, func(name string) bool { return name == room.name })
			if err != nil {
				e.errs = append(e.errs, err)
			}
		})
	}
	closing.Wait()
}
