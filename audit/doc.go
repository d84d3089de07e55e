// Package audit keeps the trail of what was done: who did what to whom, when,
// from where and how it ended.
//
// A change and its event commit together: Append writes into the change's own
// transaction, so that there is never one without the other. What has no
// transaction, failed sign-ins and denials, goes through Record: a bounded queue
// that never makes its caller wait.
//
// Each event stands under an HMAC-SHA256 whose key is outside the database, so
// that whoever can write to the database can forge no event and alter none
// unseen. What is personal (names, addresses, values, the reason) stands in a
// detail of which the event holds a salted hash only: erasing the detail leaves
// an event that still proves itself.
//
// Each event is also chained, under a key, to its place and to all before it, and
// anchors outside of the database say how far the trail had come. So Verify finds
// what is missing, moved, or cut off before the last anchor.
package audit
