package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/usermgmt/usermgmt/authz"
	"github.com/usermgmt/usermgmt/store"
	"github.com/usermgmt/usermgmt/tasks"
)

// latestRuns is how many runs of each task are shown.
const latestRuns = 5

// Task is one piece of upkeep.
type Task struct {
	Name     string    `json:"name"`
	Schedule string    `json:"schedule" doc:"Such as: every 10m"`
	Shared   bool      `json:"shared" doc:"Whether one of all instances runs it each time that it is due"`
	Running  bool      `json:"running" doc:"Whether it is under way on the instance that answers"`
	NextAt   time.Time `json:"next_at" doc:"When it is due next"`
	LastRuns []TaskRun `json:"last_runs" doc:"The latest ones, newest first"`
}

// TaskRun is one run of a task. Why one failed is in the log.
type TaskRun struct {
	ScheduledAt time.Time        `json:"scheduled_at"`
	StartedAt   time.Time        `json:"started_at"`
	FinishedAt  *time.Time       `json:"finished_at" doc:"Null while it runs"`
	Status      store.TaskStatus `json:"status" enum:"running,done,failed"`
}

// Tasks are all tasks; there are few.
type Tasks struct {
	Items      []Task `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor" doc:"Always empty"`
}

func (a *API) taskRoutes(r *router) {
	handle(r, route{
		method: "GET", path: "/tasks", id: "list-tasks", tag: "tasks", action: authz.ReadTasks,
		summary: "Show the upkeep: what runs when, and how it went", status: http.StatusOK,
	}, a.listTasks)
	handle(r, route{
		method: "POST", path: "/tasks/{id}/run", id: "run-task", tag: "tasks", action: authz.RunTask,
		summary: "Run a task now, by its name, and wait for its end", status: http.StatusOK, refusals: []store.Code{store.ErrConflict},
	}, a.runTask)
	handle(r, route{
		method: "POST", path: "/backup", id: "create-backup", tag: "tasks", action: authz.CreateBackup,
		summary: "Make a backup now, and wait until it was read back whole", status: http.StatusOK, refusals: []store.Code{store.ErrConflict},
	}, a.createBackup)
}

func (a *API) listTasks(ctx context.Context, _ *call, _ none) (Tasks, error) {
	all := Tasks{Items: []Task{}}
	for _, s := range a.cfg.Tasks.Stats() {
		runs, err := a.cfg.Tasks.LatestRuns(ctx, s.Name, latestRuns)
		if err != nil {
			return Tasks{}, err
		}
		all.Items = append(all.Items, task(s, runs))
	}
	return all, nil
}

func task(s tasks.Stats, runs []store.TaskRun) Task {
	t := Task{Name: s.Name, Schedule: s.Schedule, Shared: s.Shared, Running: s.Running, NextAt: s.Due.UTC(), LastRuns: make([]TaskRun, len(runs))}
	for i, run := range runs {
		t.LastRuns[i] = TaskRun{run.ScheduledAt.UTC(), run.StartedAt.UTC(), timeOrNull(run.FinishedAt), run.Status}
	}
	return t
}

// TaskOutcome is how a run ended that somebody asked for.
type TaskOutcome struct {
	Name       string           `json:"name"`
	Status     store.TaskStatus `json:"status" enum:"done,failed" doc:"Why it failed is in the log"`
	StartedAt  time.Time        `json:"started_at"`
	DurationMS int64            `json:"duration_ms"`
}

func (a *API) runTask(ctx context.Context, c *call, _ none) (TaskOutcome, error) {
	ran, err := a.cfg.Tasks.RunAs(ctx, c.actor(), c.id)
	if err != nil {
		return TaskOutcome{}, err
	}
	out := TaskOutcome{Name: c.id, Status: store.TaskDone, StartedAt: ran.StartedAt.UTC(), DurationMS: ran.Took.Milliseconds()}
	if ran.Err != nil {
		out.Status = store.TaskFailed
		a.cfg.Logger.ErrorContext(ctx, "a task failed", "task", c.id, "request_id", c.origin.RequestID, "error", ran.Err)
	}
	return out, nil
}

// Backup is a copy of the database, in the folder of backups.
type Backup struct {
	File       string `json:"file" doc:"Its name within the folder of backups"`
	Bytes      int64  `json:"bytes"`
	DurationMS int64  `json:"duration_ms"`
}

func (a *API) createBackup(ctx context.Context, c *call, _ none) (Backup, error) {
	made, err := a.cfg.Tasks.BackUp(ctx, c.actor())
	if err != nil {
		return Backup{}, err
	}
	return Backup{File: made.Name, Bytes: made.Bytes, DurationMS: made.Took.Milliseconds()}, nil
}
