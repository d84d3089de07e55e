package quota

import (
	"testing"
)

func TestTheBooksSayWhatIsOverAndWhatIsUnder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		book        Book
		over, under int64
	}{
		"exact":                             {Book{Charged: 60, Filled: 40, Used: 100, Peak: 100}, 0, 0},
		"more was told than there is":       {Book{Charged: 70, Filled: 40, Used: 100, Peak: 100}, 10, 0},
		"more was held at once":             {Book{Charged: 60, Filled: 40, Used: 100, Peak: 103}, 3, 0},
		"more is counted":                   {Book{Charged: 60, Filled: 40, Used: 104, Peak: 100}, 4, 0},
		"late, and so beyond":               {Book{Charged: 65, Late: 5, Filled: 40, Used: 105, Peak: 105}, 0, 0},
		"late, and more beyond":             {Book{Charged: 65, Late: 3, Filled: 40, Used: 105, Peak: 105}, 2, 0},
		"what is left is not given":         {Book{Charged: 60, Filled: 30, Used: 90, Peak: 90}, 0, 10},
		"counted and given to nobody":       {Book{Charged: 60, Filled: 30, Used: 100, Peak: 100}, 0, 10},
		"counted, and perhaps to the dead":  {Book{Charged: 60, Filled: 30, Unknown: 4, Used: 100, Peak: 100}, 0, 0},
		"counted, and not even to the dead": {Book{Charged: 60, Filled: 30, Unknown: 3, Used: 100, Peak: 100}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := tt.book
			b.Units = 100
			b.close()
			if b.Over != tt.over || b.Under != tt.under || b.exact() != (tt.over == 0 && tt.under == 0) {
				t.Errorf("over %d, under %d; want %d and %d", b.Over, b.Under, tt.over, tt.under)
			}
		})
	}
	if (Book{Reserved: 1}).exact() || (Report{Balance: 1}).Exact() {
		t.Error("what is still held, or a balance that is not its ledger, is exact")
	}
}
