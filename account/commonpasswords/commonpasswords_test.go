package commonpasswords_test

import (
	"fmt"
	"testing"

	"github.com/usermgmt/usermgmt/account/commonpasswords"
)

func TestContains(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]bool{
		"password":                  true,
		"12345678":                  true,
		"qwertyuiop":                true,
		"iloveyou1":                 true,
		"correct-horse-password123": false,
		"xk7#qz!w":                  false,
		"123456":                    false, // too short to be asked
		"":                          false,
	} {
		if got := commonpasswords.Contains(password); got != want {
			t.Errorf("%q: %v", password, got)
		}
	}
}

// One in 65,536 others is taken for common: among 100,000 that are none, two on
// average, more than twelve once in a million times.
func TestOthersAreRarelyTakenForCommon(t *testing.T) {
	t.Parallel()
	wrong := 0
	for i := range 100_000 {
		if commonpasswords.Contains(fmt.Sprintf("not-a-common-one-%d", i)) {
			wrong++
		}
	}
	if wrong > 12 {
		t.Errorf("%d of 100,000", wrong)
	}
}

func TestContainsDoesNotAllocate(t *testing.T) {
	commonpasswords.Contains("password")
	if n := testing.AllocsPerRun(100, func() { commonpasswords.Contains("a-password-of-nobody") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
