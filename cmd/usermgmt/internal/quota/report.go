package quota

import "time"

// Report is what came of a race.
type Report struct {
	Processes int           `json:"processes"`
	Callers   int           `json:"callers"`
	Killed    int           `json:"killed"`
	Seconds   float64       `json:"seconds"` // of the race alone
	Rate      float64       `json:"rate"`    // verdicts a second
	Limit     Book          `json:"limit"`
	Credits   Book          `json:"credits"`
	Balance   int64         `json:"balance"` // in the end
	Ledger    int64         `json:"ledger"`  // the sum of its entries in the end
	Fault     string        `json:"fault,omitempty"`
	took      time.Duration // until the last verdict
}

// Exact reports whether nothing is wrong.
func (r Report) Exact() bool {
	return r.Limit.exact() && r.Credits.exact() && r.Balance == r.Ledger
}

// Book is what became of the units that were raced for.
type Book struct {
	Units    int64 `json:"units"`    // there were to be had
	Admitted int64 `json:"admitted"` // requests that were admitted in the race
	Refused  int64 `json:"refused"`  // requests that were refused
	Unknown  int64 `json:"unknown"`  // requests that failed, or that a kill left without an answer, at most
	Charged  int64 `json:"charged"`  // units that the race was charged, as far as it was told
	Late     int64 `json:"late"`     // of them, units that were settled when their lease was over
	Peak     int64 `json:"peak"`     // the most that was seen in use or held at one moment
	Filled   int64 `json:"filled"`   // units that were admitted after all leases were over
	Used     int64 `json:"used"`     // in the end, as the store counts
	Reserved int64 `json:"reserved"` // in the end
	Over     int64 `json:"over"`     // units given out beyond what there was
	Under    int64 `json:"under"`    // units that could not be given out
}

func (b Book) exact() bool { return b.Over == 0 && b.Under == 0 && b.Reserved == 0 }

func (b Book) verdicts() int64 { return b.Admitted + b.Refused }

// add counts what became of one request.
func (b *Book) add(o outcome) {
	switch o.Verdict {
	case admitted:
		b.Admitted++
	case refused:
		b.Refused++
	default:
		b.Unknown++
	}
	b.Charged += o.Charged
	b.Late += o.Late
}

// close says what was too much and what is missing. A settle after the end of a
// lease charges what was used although its place was given to somebody else: so
// much may be too much. Requests without an answer may have been charged.
func (b *Book) close() {
	told := b.Charged + b.Filled
	b.Over = max(0, b.Peak-b.Units-b.Late, told-b.Units-b.Late, b.Used-b.Units-b.Late)
	b.Under = max(0, b.Units-b.Used, b.Units-told-b.Unknown*largestHold)
}
