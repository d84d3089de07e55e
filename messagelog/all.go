package messagelog

import (
	"context"
	"errors"
	"fmt"

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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	stored, err := l.appendAll(ctx, all)
	if errors.Is(err, context.DeadlineExceeded) {
		err = store.Unavailable(err)
	}
	return stored, err
}

func (l *Log) appendAll(ctx context.Context, all []store.Message) (stored []store.Message, err error) {
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
// Prepare makes them. What is not well-formed is told before any is taken, as by
// AppendAll. After another error some may have been taken: giving them again
// under the same ids is harmless.
func (l *Log) EnqueueAll(ctx context.Context, all []store.Message) ([]store.Message, error) {
	all, err := l.prepareAll(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if err := l.Enqueue(ctx, m); err != nil {
			return nil, err
		}
	}
	return all, nil
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
