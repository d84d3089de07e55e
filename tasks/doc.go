// Package tasks is the upkeep that a host starts: a runner and the tasks that
// come built in. Nothing that answers depend on is done here: without a runner
// nothing is lost and no limit is wrong, old rows just stay longer.
//
// A task is due at times that every instance computes alike. One that instances
// share is claimed in the store for each of them, under a lease that is renewed
// while it runs. When an instance dies, another one takes the run over once the
// lease is over. An instance that lost its lease meanwhile (it was paused, or
// cut off) is fenced off: its run is cancelled and can no longer be finished.
//
// Times that nobody was there for are made up for by one run, not by one each.
package tasks
