package stress_test

import (
	"net/http"
	"testing"
)

// The harness itself: a host starts, answers, is paused, ends, and is found
// again in its file.
func TestAHostIsAProcess(t *testing.T) {
	beside(t)
	path := databasePath(t)
	p := start(t, settings{Path: path})
	alice := p.newPerson("alice")
	if a := p.must(http.StatusOK, "POST", "/v1/chat?conversation=c", alice.key, nil); a.number("seq") != 1 {
		t.Errorf("the first message: %v", a.body)
	}
	p.stop()
	p.resume()
	if used, reserved := p.conversations(alice.token); used != 1 || reserved != 0 {
		t.Errorf("%d used, %d reserved", used, reserved)
	}
	p.terminate()
	start(t, settings{Path: path}).kill()
	file := openFile(t, path)
	file.whole()
	if n := file.count("SELECT COUNT(*) FROM message_logs WHERE user_id = ?", alice.id); n != 1 {
		t.Errorf("%d messages are in the file", n)
	}
}
