package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// A lease that ends later than ?6 was written by a clock that was wrong: it
// counts as over, since else nobody would have the task until then.
const (
	taskFields = `task, scheduled_at, status, owner, fence, lease_until, started_at, finished_at, detail`

	taskUnderWay = `SELECT ` + taskFields + ` FROM task_runs
		WHERE task = ?1 AND finished_at = 0 AND lease_until > ?2 AND lease_until <= ?3
		ORDER BY lease_until DESC LIMIT 1`
	taskClaim = `INSERT INTO task_runs (` + taskFields + `) VALUES (?1, ?2, 'running', ?3, 1, ?4, ?5, 0, '')
		ON CONFLICT (task, scheduled_at) DO UPDATE SET owner = excluded.owner, fence = task_runs.fence + 1,
			lease_until = excluded.lease_until, started_at = excluded.started_at
		WHERE task_runs.finished_at = 0 AND (task_runs.lease_until <= ?5 OR task_runs.lease_until > ?6)
		RETURNING ` + taskFields
	taskGet   = `SELECT ` + taskFields + ` FROM task_runs WHERE task = ?1 AND scheduled_at = ?2`
	taskRenew = `UPDATE task_runs SET lease_until = ?4
		WHERE task = ?1 AND scheduled_at = ?2 AND fence = ?3 AND finished_at = 0`
	taskFinish = `UPDATE task_runs SET status = ?4, finished_at = ?5, detail = ?6
		WHERE task = ?1 AND scheduled_at = ?2 AND fence = ?3 AND finished_at = 0`
	taskRuns  = `SELECT ` + taskFields + ` FROM task_runs WHERE task = ?1 ORDER BY scheduled_at DESC LIMIT ?2`
	taskPurge = `DELETE FROM task_runs WHERE (task, scheduled_at) IN (
		SELECT task, scheduled_at FROM task_runs WHERE scheduled_at < ?1 ORDER BY scheduled_at LIMIT ?2)`
)

// TaskClaim takes a run, unless one of the task is under way or it is done.
func (q *Queries) TaskClaim(ctx context.Context, c store.TaskClaim) (run store.TaskRun, taken bool, err error) {
	due, now, until := micros(c.ScheduledAt), micros(c.Now), micros(c.LeaseUntil)
	wrong := micros(c.LeaseUntil.Add(c.LeaseUntil.Sub(c.Now)))
	run, err = write(ctx, q, func(conn Conn) (store.TaskRun, error) {
		if q.locks.Task != nil {
			if err := q.locks.Task(ctx, conn, c.Task); err != nil {
				return store.TaskRun{}, err
			}
		}
		run, err := one(ctx, conn, scanTaskRun, taskUnderWay, c.Task, now, wrong)
		if !errors.Is(err, store.ErrNotFound) {
			return run, err
		}
		run, err = one(ctx, conn, scanTaskRun, taskClaim, c.Task, due, c.Owner, until, now, wrong)
		if !errors.Is(err, store.ErrNotFound) {
			taken = err == nil
			return run, err
		}
		return one(ctx, conn, scanTaskRun, taskGet, c.Task, due)
	})
	return run, taken && err == nil, err
}

// TaskRenew moves the lease of a run that still has the fence.
func (q *Queries) TaskRenew(ctx context.Context, task string, scheduledAt time.Time, fence int64, leaseUntil time.Time) (bool, error) {
	n, err := q.change(ctx, taskRenew, task, micros(scheduledAt), fence, micros(leaseUntil))
	return n > 0, err
}

// TaskFinish ends a run that still has the fence.
func (q *Queries) TaskFinish(ctx context.Context, r store.TaskRun) (bool, error) {
	n, err := q.change(ctx, taskFinish, r.Task, micros(r.ScheduledAt), r.Fence,
		string(r.Status), micros(r.FinishedAt), r.Detail)
	return n > 0, err
}

// TaskRuns returns the latest runs of a task, newest first.
func (q *Queries) TaskRuns(ctx context.Context, task string, limit int) ([]store.TaskRun, error) {
	return read(ctx, q, func(c Reader) ([]store.TaskRun, error) {
		return all(ctx, c, scanTaskRun, taskRuns, task, limit)
	})
}

// TaskPurge deletes runs that were due before a time.
func (q *Queries) TaskPurge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := q.change(ctx, taskPurge, micros(before), limit)
	return int(n), err
}

func scanTaskRun(r scanner) (t store.TaskRun, err error) {
	err = r.Scan(&t.Task, timeColumn{&t.ScheduledAt}, &t.Status, &t.Owner, &t.Fence,
		timeColumn{&t.LeaseUntil}, timeColumn{&t.StartedAt}, timeColumn{&t.FinishedAt}, &t.Detail)
	return t, err
}
