package messagelog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usermgmt/usermgmt/internal/change"
	"github.com/usermgmt/usermgmt/store"
)

// AppendAll is Append for many messages, in their order: all of them are stored,
// in one transaction, or none is. The fields of an ErrValidation begin with the
// index of the message, such as "[3].user_id".
func (l *Log) AppendAll(ctx context.Context, all []store.Message) ([]store.Message, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return nil, err
	}
	all, err := l.prepareAll(ctx, all)
	if err != nil {
		return nil, err
	}
	return l.appendAll(ctx, all)
}

// appendAll stores messages that Prepare has made.
func (l *Log) appendAll(ctx context.Context, all []store.Message) ([]store.Message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	stored, err := l.commitAll(ctx, all)
	if errors.Is(err, context.DeadlineExceeded) {
		err = store.Unavailable(err)
	}
	return stored, err
}

func (l *Log) commitAll(ctx context.Context, all []store.Message) (stored []store.Message, err error) {
	for i := range all {
		if all[i].Plan, err = l.plans.get(ctx, all[i]); err != nil {
			return nil, err
		}
		if all[i], err = l.seal(all[i]); err != nil {
			return nil, err
		}
	}
	if stored, err = l.sets.Do(ctx, all); err != nil {
		return nil, err
	}
	for i := range stored {
		if stored[i], err = l.open(stored[i]); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

// storeSet stores the one set of a batch.
func (l *Log) storeSet(ctx context.Context, batch [][]store.Message) ([][]store.Message, error) {
	stored, err := l.cfg.Store.MessageAppend(ctx, batch[0])
	return [][]store.Message{stored}, err
}

// EnqueueAll is Enqueue for many messages, in their order, and returns them as
// Prepare makes them: all of them are taken or none is, also where they have to
// wait for room. What is not well-formed is told as by AppendAll.
//
// More messages than Config.Window are stored before the answer, as AppendAll
// does, once those that were taken before are.
func (l *Log) EnqueueAll(ctx context.Context, all []store.Message) ([]store.Message, error) {
	all, err := l.prepareAll(ctx, all)
	if err != nil {
		return nil, err
	}
	if len(all) > l.cfg.Window {
		return l.enqueueLarge(ctx, all)
	}
	if taken, err := l.queue.put(all); err != nil {
		return nil, err
	} else if !taken {
		if err := l.enqueueLater(ctx, slices.Clone(all)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// enqueueLarge stores messages that the queue has never room for.
func (l *Log) enqueueLarge(ctx context.Context, all []store.Message) ([]store.Message, error) {
	if err := change.OutsideHook(ctx); err != nil {
		return nil, err
	}
	patient, cancel := context.WithTimeoutCause(ctx, l.cfg.MaxWait, store.Unavailable(errFull))
	defer cancel()
	if err := l.Flush(patient); err != nil {
		l.flusher.refused.Add(int64(len(all)))
		return nil, context.Cause(patient)
	}
	return l.appendAll(ctx, all)
}

// prepareAll returns messages as Prepare makes them.
func (l *Log) prepareAll(ctx context.Context, all []store.Message) ([]store.Message, error) {
	prepared := make([]store.Message, len(all))
	var faults []store.FieldError
	for i, m := range all {
		var err error
		if prepared[i], err = l.Prepare(ctx, m); err == nil {
			continue
		}
		e, ok := errors.AsType[*store.Error](err)
		if !ok {
			return nil, err
		}
		for _, f := range e.Fields {
			f.Field = fmt.Sprintf("[%d].%s", i, f.Field)
			faults = append(faults, f)
		}
	}
	if len(faults) > 0 {
		return nil, &store.Error{Code: store.ErrValidation, Detail: "There is a message with a member that is not valid.", Fields: faults}
	}
	return prepared, nil
}
