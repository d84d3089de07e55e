package store

import (
	"context"
	"time"
)

// TaskClaim answers ErrUnsupported.
func (Base) TaskClaim(context.Context, TaskClaim) (TaskRun, bool, error) {
	return TaskRun{}, false, ErrUnsupported
}

// TaskRenew answers ErrUnsupported.
func (Base) TaskRenew(context.Context, string, time.Time, int64, time.Time) (bool, error) {
	return false, ErrUnsupported
}

// TaskFinish answers ErrUnsupported.
func (Base) TaskFinish(context.Context, TaskRun) (bool, error) {
	return false, ErrUnsupported
}

// TaskRuns answers ErrUnsupported.
func (Base) TaskRuns(context.Context, string, int) ([]TaskRun, error) {
	return nil, ErrUnsupported
}

// TaskPurge answers ErrUnsupported.
func (Base) TaskPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// MessageAppend answers ErrUnsupported.
func (Base) MessageAppend(context.Context, []Message) ([]Message, error) {
	return nil, ErrUnsupported
}

// MessageGet answers ErrUnsupported.
func (Base) MessageGet(context.Context, string, string) (Message, error) {
	return Message{}, ErrUnsupported
}

// MessageList answers ErrUnsupported.
func (Base) MessageList(context.Context, MessageFilter, Page) (List[Message], error) {
	return List[Message]{}, ErrUnsupported
}

// MessageUsage answers ErrUnsupported.
func (Base) MessageUsage(context.Context, time.Time, time.Time) ([]ModelUsage, error) {
	return nil, ErrUnsupported
}

// MessagePurge answers ErrUnsupported.
func (Base) MessagePurge(context.Context, MessagePurge) (int, error) {
	return 0, ErrUnsupported
}

// MessageErase answers ErrUnsupported.
func (Base) MessageErase(context.Context, string, int) (int, error) {
	return 0, ErrUnsupported
}

// MessageWindowPut answers ErrUnsupported.
func (Base) MessageWindowPut(context.Context, MessageWindow) error {
	return ErrUnsupported
}

// MessageWindowTake answers ErrUnsupported.
func (Base) MessageWindowTake(context.Context, time.Time) ([]MessageWindow, error) {
	return nil, ErrUnsupported
}

// AuditInsert answers ErrUnsupported.
func (Base) AuditInsert(context.Context, []AuditEvent, AuditLink) error {
	return ErrUnsupported
}

// AuditSequence answers ErrUnsupported.
func (Base) AuditSequence(context.Context, int, AuditLink) (int, error) {
	return 0, ErrUnsupported
}

// AuditHead answers ErrUnsupported.
func (Base) AuditHead(context.Context) (AuditHead, error) {
	return AuditHead{}, ErrUnsupported
}

// AuditAfter answers ErrUnsupported.
func (Base) AuditAfter(context.Context, int64, int) ([]AuditEvent, error) {
	return nil, ErrUnsupported
}

// AuditList answers ErrUnsupported.
func (Base) AuditList(context.Context, AuditFilter, Page) (List[AuditEvent], error) {
	return List[AuditEvent]{}, ErrUnsupported
}

// AuditErase answers ErrUnsupported.
func (Base) AuditErase(context.Context, string, int) (int, error) {
	return 0, ErrUnsupported
}

// AuditPurge answers ErrUnsupported.
func (Base) AuditPurge(context.Context, int64, int) (int, error) {
	return 0, ErrUnsupported
}

// AuditAnchorPut answers ErrUnsupported.
func (Base) AuditAnchorPut(context.Context, AuditAnchor) error {
	return ErrUnsupported
}

// AuditAnchors answers ErrUnsupported.
func (Base) AuditAnchors(context.Context, AuditAnchorKind, int64, int) ([]AuditAnchor, error) {
	return nil, ErrUnsupported
}

// FeedAppend answers ErrUnsupported.
func (Base) FeedAppend(context.Context, string, time.Time, []string) error {
	return ErrUnsupported
}

// FeedAfter answers ErrUnsupported.
func (Base) FeedAfter(context.Context, int64, int) ([]FeedRow, error) {
	return nil, ErrUnsupported
}

// FeedBounds answers ErrUnsupported.
func (Base) FeedBounds(context.Context) (int64, int64, error) {
	return 0, 0, ErrUnsupported
}

// FeedPurge answers ErrUnsupported.
func (Base) FeedPurge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}
