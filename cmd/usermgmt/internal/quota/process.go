package quota

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
)

// process is one of those who race.
type process struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	out    *json.Decoder
	said   strings.Builder // on standard error
	asked  int             // requests it is to make in all
	fatal  int             // after so many outcomes it is killed; 0 for never
	told   int             // outcomes so far
	killed bool
}

// launch starts a process and waits until it is ready.
func launch(cmd *exec.Cmd, o order) (*process, error) {
	p := &process{cmd: cmd, asked: 2 * o.Requests}
	cmd.Stderr = &p.said
	var err error
	if p.orders, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var first outcome
	if err := errors.Join(p.tell(o), p.out.Decode(&first)); err != nil || first.Verdict != ready {
		p.abandon()
		return nil, fmt.Errorf("a process could not race: %s", strings.TrimSpace(p.said.String()))
	}
	return p, nil
}

func (p *process) tell(v any) error { return json.NewEncoder(p.orders).Encode(v) }

// end makes the process stop asking.
func (p *process) end() { _ = p.orders.Close() }

func endAll(all []*process) {
	for _, p := range all {
		p.end()
	}
}

// abandon ends a process that is not listened to.
func (p *process) abandon() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// listen gives each outcome to tell until the process is gone, and kills it when
// its time has come.
func (p *process) listen(tell func(outcome)) error {
	for {
		var o outcome
		if err := p.out.Decode(&o); err != nil {
			break // the process is gone, perhaps in the middle of a line
		}
		tell(o)
		if p.told++; p.told == p.fatal {
			p.killed = p.cmd.Process.Kill() == nil
		}
	}
	err := p.cmd.Wait()
	if p.killed {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("a process broke off: %w: %s", err, strings.TrimSpace(p.said.String()))
	}
	return err
}

// unanswered is how many requests a killed process may have made without saying
// what became of them.
func (p *process) unanswered(callers int) int {
	if !p.killed {
		return 0
	}
	return min(callers, p.asked-p.told)
}

// listenTo listens to all processes until they are gone.
func listenTo(all []*process, tell func(outcome)) error {
	var mu sync.Mutex
	var listeners sync.WaitGroup
	errs := make([]error, len(all))
	for i, p := range all {
		listeners.Go(func() {
			errs[i] = p.listen(func(o outcome) {
				mu.Lock()
				defer mu.Unlock()
				tell(o)
			})
		})
	}
	listeners.Wait()
	return errors.Join(errs...)
}
