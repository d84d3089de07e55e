package account

import (
	"crypto/rand"
	"testing"
)

// A password that is made up is as long as the policy asks for, and when one is
// refused another is drawn.
func TestAMadeUpPasswordIsAllowed(t *testing.T) {
	t.Parallel()
	const name = "superuser.one.two" // no password for whoever is called so
	for _, least := range []int{0, 15, 26, 27, 64, 128} {
		policy := PasswordPolicy{MinLength: least}.ForOperators()
		draws := 0
		draw := func() string {
			if draws++; draws == 1 && least <= len(name) {
				return name
			}
			return rand.Text()
		}
		password := policy.makeUp(name, draw)
		if err := policy.Check(password, name, ""); err != nil || len(password) < 26 {
			t.Errorf("of at least %d: %d characters after %d draws, %v", least, len(password), draws, err)
		}
	}
}
