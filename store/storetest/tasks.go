package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// taskLease is how long the leases of this suite last.
const taskLease = time.Minute

// newClaim asks for the run of a task that is due at moment(0), at moment(now).
func newClaim(task string, now int) store.TaskClaim {
	return store.TaskClaim{Task: task, ScheduledAt: moment(0), Owner: "ins_a", Now: moment(now), LeaseUntil: moment(now).Add(taskLease)}
}

// claimed is the run that a claim takes.
func claimed(c store.TaskClaim, fence int64) store.TaskRun {
	return store.TaskRun{Task: c.Task, ScheduledAt: kept(c.ScheduledAt), Status: store.TaskRunning, Owner: c.Owner,
		Fence: fence, LeaseUntil: kept(c.LeaseUntil), StartedAt: kept(c.Now)}
}

func testTasks(t *testing.T, open Opener) {
	s := open(t)
	claim := func(t *testing.T, c store.TaskClaim, taken bool, run store.TaskRun) {
		t.Helper()
		r, ok, err := s.TaskClaim(t.Context(), c)
		must(t, err)
		want(t, ok, taken)
		want(t, r, run)
	}
	finished := func(run store.TaskRun, status store.TaskStatus, at int) store.TaskRun {
		run.Status, run.Detail, run.FinishedAt = status, "what it did", moment(at)
		return run
	}
	run := func(name string, fn func(t *testing.T, task string)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, newID("task_"))
		})
	}

	run("TaskClaim/RL-08 OneOfManyAtOnce", func(t *testing.T, task string) {
		var taken atomic.Int64
		together(20, func(i int) {
			c := newClaim(task, i)
			c.Owner = newID("ins_")
			switch _, ok, err := s.TaskClaim(t.Context(), c); {
			case err != nil:
				t.Error(err)
			case ok:
				taken.Add(1)
			}
		})
		want(t, taken.Load(), 1)
	})
	run("TaskClaim/NobodyTakesARunWhoseLeaseHolds", func(t *testing.T, task string) {
		first := newClaim(task, 0)
		claim(t, first, true, claimed(first, 1))
		claim(t, newClaim(task, 59), false, claimed(first, 1))
	})
	run("TaskClaim/TakesARunWhoseLeaseIsOver", func(t *testing.T, task string) {
		claim(t, newClaim(task, 0), true, claimed(newClaim(task, 0), 1))
		second := newClaim(task, 60)
		second.Owner = "ins_b"
		claim(t, second, true, claimed(second, 2))
	})
	run("TaskClaim/OneRunOfATaskAtATime", func(t *testing.T, task string) {
		first, next := newClaim(task, 0), newClaim(task, 30)
		next.ScheduledAt = moment(30)
		claim(t, first, true, claimed(first, 1))
		claim(t, next, false, claimed(first, 1))
		other := newClaim(newID("task_"), 30)
		claim(t, other, true, claimed(other, 1))
	})
	run("TaskClaim/AfterTheEndThereIsTheNextOnly", func(t *testing.T, task string) {
		c := newClaim(task, 0)
		claim(t, c, true, claimed(c, 1))
		done := finished(claimed(c, 1), store.TaskFailed, 5)
		want(t, got(s.TaskFinish(t.Context(), done))(t), true)
		done.FinishedAt = kept(done.FinishedAt)
		claim(t, newClaim(task, 9999), false, done)
		next := newClaim(task, 10)
		next.ScheduledAt = moment(10)
		claim(t, next, true, claimed(next, 1))
	})
	run("TaskClaim/ALeaseOfAWrongClockIsOver", func(t *testing.T, task string) {
		ahead, now := newClaim(task, 1e8), newClaim(task, 0)
		ahead.ScheduledAt = moment(1e8)
		claim(t, ahead, true, claimed(ahead, 1))
		claim(t, now, true, claimed(now, 1))
	})
	run("TaskRenew/HoldsTheLease", func(t *testing.T, task string) {
		c := newClaim(task, 0)
		claim(t, c, true, claimed(c, 1))
		want(t, got(s.TaskRenew(t.Context(), task, moment(0), 1, moment(90)))(t), true)
		c.LeaseUntil = moment(90)
		claim(t, newClaim(task, 89), false, claimed(c, 1))
		want(t, got(s.TaskRenew(t.Context(), task, moment(1), 1, moment(90)))(t), false)
	})
	run("TaskRenew/TaskFinish/FencedOff", func(t *testing.T, task string) {
		claim(t, newClaim(task, 0), true, claimed(newClaim(task, 0), 1))
		second := newClaim(task, 60)
		claim(t, second, true, claimed(second, 2))
		want(t, got(s.TaskRenew(t.Context(), task, moment(0), 1, moment(999)))(t), false)
		want(t, got(s.TaskFinish(t.Context(), finished(claimed(newClaim(task, 0), 1), store.TaskDone, 61)))(t), false)
		want(t, got(s.TaskRuns(t.Context(), task, 9))(t), []store.TaskRun{claimed(second, 2)})
	})
	run("TaskFinish/TheFirstEndStands", func(t *testing.T, task string) {
		c := newClaim(task, 0)
		claim(t, c, true, claimed(c, 1))
		done := finished(claimed(c, 1), store.TaskDone, 5)
		want(t, got(s.TaskFinish(t.Context(), done))(t), true)
		want(t, got(s.TaskFinish(t.Context(), finished(claimed(c, 1), store.TaskFailed, 6)))(t), false)
		want(t, got(s.TaskRenew(t.Context(), task, moment(0), 1, moment(999)))(t), false)
		done.FinishedAt = kept(done.FinishedAt)
		want(t, got(s.TaskRuns(t.Context(), task, 9))(t), []store.TaskRun{done})
	})
	run("TaskRuns/NewestFirst", func(t *testing.T, task string) {
		var runs []store.TaskRun
		for i := range 3 {
			c := newClaim(task, 100*i)
			c.ScheduledAt = moment(100 * i)
			claim(t, c, true, claimed(c, 1))
			runs = append([]store.TaskRun{claimed(c, 1)}, runs...)
		}
		want(t, got(s.TaskRuns(t.Context(), task, 9))(t), runs)
		want(t, got(s.TaskRuns(t.Context(), task, 2))(t), runs[:2])
		want(t, got(s.TaskRuns(t.Context(), newID("task_"), 2))(t), nil)
	})
	t.Run("TaskPurge/OldOnesInChunks", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for i := range 4 {
			c := newClaim(newID("task_"), i)
			c.ScheduledAt = moment(i)
			_, _, err := s.TaskClaim(t.Context(), c)
			must(t, err)
		}
		want(t, got(s.TaskPurge(t.Context(), moment(3), 2))(t), 2)
		want(t, got(s.TaskPurge(t.Context(), moment(3), 2))(t), 1)
		want(t, got(s.TaskPurge(t.Context(), moment(3), 2))(t), 0)
	})
}
