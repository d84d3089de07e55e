package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/usermgmt/usermgmt"
)

// events writes an event stream (HTML Living Standard, section 9.2), each event
// as soon as it is there.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newEvents(w http.ResponseWriter) events {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	return events{w: w, control: http.NewResponseController(w)}
}

// data sends an event of the default type.
func (e events) data(v any) error { return e.send("", v) }

// event sends an event of a named type.
func (e events) event(name string, v any) error { return e.send("event: "+name+"\n", v) }

// problem sends an error that came up after the start.
func (e events) problem(err error) {
	_ = e.event("error", usermgmt.ProblemOf(err, e.w.Header().Get("X-Request-ID")))
}

func (e events) send(head string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.w, "%sdata: %s\n\n", head, body); err != nil {
		return err
	}
	return e.control.Flush()
}
