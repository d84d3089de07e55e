package account_test

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/usermgmt/usermgmt/account"
	"github.com/usermgmt/usermgmt/authn"
	"github.com/usermgmt/usermgmt/store"
)

var timing = flag.Bool("timing", false, "compare how long refused sign-ins of all kinds take, for minutes, alone on the machine")

// stored gives an account another hash of goodPassword, as an import does.
func (h *house) stored(id, encoded string) {
	h.t.Helper()
	hash, err := authn.NewPasswordHash(id, encoded, noon)
	must(h.t, err)
	must(h.t, h.store.PasswordHashPut(h.t.Context(), hash))
}

func bcryptHash(t testing.TB, cost int) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(goodPassword), cost)
	must(t, err)
	return string(hash)
}

func argon2Hash(t testing.TB, p authn.Argon2Params) string {
	t.Helper()
	hasher, err := authn.NewHasher(authn.PasswordConfig{Algorithm: authn.AlgorithmArgon2id, Argon2: p})
	must(t, err)
	hash, err := hasher.Hash(t.Context(), goodPassword)
	must(t, err)
	return hash
}

// fastest is the least time of a few goes.
func fastest(do func()) time.Duration {
	least := time.Duration(math.MaxInt64)
	for range 5 {
		began := time.Now()
		do()
		least = min(least, time.Since(began))
	}
	return least
}

// One hash that was imported at a higher cost, by whichever instance, makes every
// refusal take longer than that hash: of all accounts, of names that nobody has,
// and where somebody who is signed in is asked for the password again.
func TestCase_EN_02_ADearImportSlowsEveryRefusal(t *testing.T) {
	t.Parallel()
	const dear = 9 // 32 times the cost of a configured hash
	h := newHouse(t, func(c *account.Config) {
		hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: 4})
		must(t, err)
		c.Hasher = hasher
	})
	alice, _ := h.register("alice")
	h.register("bob")
	old := []byte(bcryptHash(t, dear))
	takes := fastest(func() { _ = bcrypt.CompareHashAndPassword(old, []byte("wrong")) })
	elsewhere := moveIn(t, h.store)
	elsewhere.stored(alice.ID, string(old))

	for name, refused := range map[string]func() store.Code{
		"the account": func() store.Code { return h.code("alice", "wrong", away) },
		"another":     func() store.Code { return h.code("bob", "wrong", away) },
		"nobody":      func() store.Code { return h.code("nobody", "wrong", away) },
		"no name":     func() store.Code { return h.code("not a name", "wrong", away) },
		"a password that is too long": func() store.Code {
			return h.code("nobody", strings.Repeat("x", 2000), away)
		},
		"a change of password": func() store.Code {
			_, _, err := h.ChangePassword(t.Context(), actorOf(alice), alice.ID, "", "wrong", nextPassword, home)
			return store.CodeOf(err)
		},
		"a deletion": func() store.Code {
			return store.CodeOf(h.DeleteSelf(t.Context(), actorOf(alice), alice.ID, "wrong"))
		},
	} {
		began := time.Now()
		code := refused()
		// The machine may have been quicker at times than while this was measured.
		if took := time.Since(began); took < takes/4 || code != store.ErrInvalidCredentials {
			t.Errorf("%s: %s after %v, while the dear hash takes %v", name, code, took, takes)
		}
	}
	// A sign-in upgrades the hash, and with it the reason is gone.
	if code := h.code("alice", goodPassword, away); code != "" {
		t.Fatal(code)
	}
	if schemes, err := h.store.PasswordSchemes(t.Context()); err != nil || !slices.Equal(schemes, []string{"bcrypt:4"}) {
		t.Errorf("stored are %v, %v", schemes, err)
	}
}

// kinds makes an account of each kind, with hashes around the configured cost, and
// returns the names to sign in with, the first being nobody's.
func (h *house) kinds(cost int, dear bool) []string {
	h.t.Helper()
	names := []string{"nobody", "alice", "sue", "dan", "nopass", "locked", "lockednobody", "cheap"}
	if dear {
		names = append(names, "dear", "dearargon2id")
	} else {
		names = append(names, "Alice@example.com", "nearly", "twoy", "argon2id", "unreadable")
	}
	users := map[string]store.User{}
	for _, name := range names {
		switch name {
		case "nobody", "lockednobody", "Alice@example.com":
		case "nopass":
			_, err := h.Create(h.t.Context(), staff, account.Registration{Username: name})
			must(h.t, err)
		default:
			users[name], _ = h.register(name)
		}
	}
	must(h.t, h.Suspend(h.t.Context(), staff, users["sue"].ID, "spam", time.Time{}))
	must(h.t, h.Delete(h.t.Context(), staff, users["dan"].ID, "left"))
	h.stored(users["cheap"].ID, bcryptHash(h.t, bcrypt.MinCost))
	if dear {
		h.stored(users["dear"].ID, bcryptHash(h.t, cost+2))
		h.stored(users["dearargon2id"].ID, argon2Hash(h.t, authn.Argon2Params{Memory: 12288, Time: 2, Parallelism: 1}))
		return names
	}
	h.stored(users["nearly"].ID, bcryptHash(h.t, cost-1))
	h.stored(users["twoy"].ID, strings.Replace(bcryptHash(h.t, cost-2), "$2a$", "$2y$", 1))
	h.stored(users["argon2id"].ID, argon2Hash(h.t, authn.Argon2Params{Memory: 2048, Time: 2, Parallelism: 1}))
	must(h.t, h.store.PasswordHashPut(h.t.Context(), store.PasswordHash{Subject: users["unreadable"].ID, Hash: "{SSHA}", UpdatedAt: noon}))
	return names
}

// TestCase_EN_02_TimingOfRefusals compares 500 interleaved refusals of each kind
// of name with those of a name that nobody has: by the difference of their
// medians, which must be less than 5 % of a hash, and by the Mann-Whitney test, to
// which they must not look different (p > 0.01 for all kinds together). Without
// -timing it takes a few of each and compares nothing: what is sure without a
// clock, TestCase_EN_02_RefusalsTakeTheirTime and those of authn.Attempt assert.
func TestCase_EN_02_TimingOfRefusals(t *testing.T) {
	rounds, cost, floor := 1, 6, time.Millisecond
	if *timing {
		rounds, cost, floor = 500, 9, 0 // as measured
	} else {
		t.Parallel()
	}
	for _, dear := range []bool{false, true} {
		name := "cheaper imports"
		if dear {
			name = "dearer imports too"
			cost = max(6, cost-1) // the floor is four hashes then
		}
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *account.Config) {
				hasher, err := authn.NewHasher(authn.PasswordConfig{BcryptCost: cost, Floor: floor})
				must(t, err)
				c.Hasher, c.Lockout = hasher, store.SignInRule{Limit: 1 << 20, Window: time.Hour}
			})
			names := h.kinds(cost, dear)
			for _, locked := range []string{"locked", "lockednobody"} {
				h.lock(locked)
			}
			names = append(names, "fresh", "fresh again")
			took := h.timeRefusals(names, rounds)
			if *timing {
				compareTimes(t, names, took, fastest(func() { bcryptHash(t, cost) }))
			}
		})
	}
}

// lock has a name locked for good.
func (h *house) lock(name string) {
	h.t.Helper()
	cfg := h.cfg
	cfg.Lockout = store.SignInRule{Limit: 1, Window: 1000 * time.Hour}
	users, err := account.New(cfg)
	must(h.t, err)
	for range 2 {
		_, _, err = users.SignIn(h.t.Context(), name, "wrong", away)
	}
	if store.CodeOf(err) != store.ErrLocked {
		h.t.Fatal(err)
	}
}

// timeRefusals tries each name once a round, in an order that is another in each.
// "fresh" is a name never tried before, "fresh again" the same once more.
func (h *house) timeRefusals(names []string, rounds int) map[string][]time.Duration {
	h.t.Helper()
	took := map[string][]time.Duration{}
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(names)) {
			tries := []string{names[i]}
			switch names[i] {
			case "fresh":
				tries = []string{"fresh", "fresh again"}
			case "fresh again":
				continue
			}
			for _, kind := range tries {
				name := strings.Replace(kind, "fresh again", "fresh", 1)
				if name == "fresh" {
					name = fmt.Sprintf("fresh%d", round)
				}
				began := time.Now()
				code := h.code(name, "wrong", away)
				if round > 0 { // the first measures what it has not met
					took[kind] = append(took[kind], time.Since(began))
				}
				want := store.ErrInvalidCredentials
				if strings.HasPrefix(kind, "locked") {
					want = store.ErrLocked
				}
				if code != want {
					h.t.Fatalf("%s: %s", kind, code)
				}
			}
		}
	}
	return took
}

// compareTimes compares each kind with the first.
func compareTimes(t *testing.T, names []string, took map[string][]time.Duration, hash time.Duration) {
	t.Helper()
	nobody := took[names[0]]
	t.Logf("a hash as configured takes %v; %d refusals of each kind; a name that nobody has: %v", hash, len(nobody), median(nobody))
	alpha := 0.01 / float64(len(names)-1)
	for _, name := range names[1:] {
		diff := median(took[name]) - median(nobody)
		p := mannWhitney(took[name], nobody)
		t.Logf("%-18s median %v, difference %8v (%+.2f %% of a hash), p = %.3f",
			name, median(took[name]), diff, 100*float64(diff)/float64(hash), p)
		if diff.Abs() >= hash/20 || p <= alpha {
			t.Errorf("%s can be told from a name that nobody has", name)
		}
	}
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

// mannWhitney returns how likely samples are that differ at least as much in
// their ranks when both come from one distribution: the normal approximation of
// the two-sided Mann-Whitney U test, ties having the mean of their ranks.
func mannWhitney(a, b []time.Duration) float64 {
	type sample struct {
		took  time.Duration
		first bool
	}
	var all []sample
	for _, took := range a {
		all = append(all, sample{took, true})
	}
	for _, took := range b {
		all = append(all, sample{took, false})
	}
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.took, y.took) })
	var ranks, ties float64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].took == all[i].took {
			j++
		}
		tied := float64(j - i)
		ties += tied*tied*tied - tied
		for ; i < j; i++ {
			if all[i].first {
				ranks += float64(j) - (tied-1)/2
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := ranks - n*(n+1)/2
	sigma := math.Sqrt(n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1))))
	if sigma == 0 {
		return 1
	}
	return math.Erfc(math.Abs(u-n*m/2) / sigma / math.Sqrt2)
}

// The test itself is held against values computed pair by pair.
func TestMannWhitney(t *testing.T) {
	t.Parallel()
	count := func(from, to int) (all []time.Duration) {
		for i := from; i <= to; i++ {
			all = append(all, time.Duration(i))
		}
		return all
	}
	for _, tt := range []struct {
		name string
		a, b []time.Duration
		want float64
	}{
		{"apart", count(1, 5), count(6, 10), 0.00902},
		{"the same", count(1, 50), count(1, 50), 1},
		{"all tied", slices.Repeat(count(1, 1), 9), slices.Repeat(count(1, 1), 9), 1},
		{"nearly", count(1, 100), count(11, 110), 0.02027},
	} {
		if got := mannWhitney(tt.a, tt.b); math.Abs(got-tt.want) > 0.0005 {
			t.Errorf("%s: p = %v, want %v", tt.name, got, tt.want)
		}
	}
}
