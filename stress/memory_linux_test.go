package stress_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const mebibyte = 1 << 20

// memory returns how many bytes a host has in memory now, and the most it had
// since the call before.
func (p *process) memory() (now, most int64) {
	p.t.Helper()
	at := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	status, err := os.ReadFile(at + "status")
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &most)
	}
	if err := os.WriteFile(at+"clear_refs", []byte("5"), 0); err != nil { // begins VmHWM anew
		p.t.Fatal(err)
	}
	return now << 10, most << 10
}

// growth logs how much more memory a host took at most while do ran, and fails
// the test when that is as much as the limit.
func (p *process) growth(t *testing.T, limit int64, do func()) {
	t.Helper()
	before, _ := p.memory()
	do()
	after, most := p.memory()
	t.Logf("memory: %.1f MiB before, %.1f at most, %.1f after", mib(before), mib(most), mib(after))
	if most-before >= limit && !raced {
		t.Errorf("it grew by %.1f MiB, the limit is %.0f", mib(most-before), mib(limit))
	}
}

func mib(n int64) float64 { return float64(n) / mebibyte }

// lighter is n, or a tenth of it under the race detector, which takes its time
// and looks for something else.
func lighter(n int) int {
	if raced {
		return n / 10
	}
	return n
}
