package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that knows what was answered. Flushing,
// hijacking, deadlines and sendfile go on working: through Unwrap for
// http.ResponseController, and by methods for handlers that ask with a type
// assertion.
type recorder struct {
	http.ResponseWriter
	status   int   // the final status; 0 until the header is out
	bytes    int64 // of the body
	hijacked bool
}

// record returns the recorder w is, or a new one around it.
func record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// started reports whether anything was answered: from then on another answer
// is impossible.
func (rec *recorder) started() bool { return rec.status != 0 || rec.hijacked }

// WriteHeader notes the first final status; 1xx are not final, but for 101,
// after which the connection speaks another protocol.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.implicitHeader()
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// ReadFrom lets io.Copy reach the ReadFrom of net/http, which uses sendfile.
func (rec *recorder) ReadFrom(src io.Reader) (int64, error) {
	rec.implicitHeader()
	n, err := io.Copy(rec.ResponseWriter, src)
	rec.bytes += n
	return n, err
}

// Flush sends what is buffered; it does nothing where the server cannot.
func (rec *recorder) Flush() { _ = rec.FlushError() }

// FlushError is Flush for http.ResponseController.
func (rec *recorder) FlushError() error {
	err := http.NewResponseController(rec.ResponseWriter).Flush()
	if err == nil {
		rec.implicitHeader()
	}
	return err
}

// Hijack takes over the connection; the error is http.ErrNotSupported where
// the server cannot, as with HTTP/2.
func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	rec.hijacked = rec.hijacked || err == nil
	return conn, rw, err
}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) implicitHeader() {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}
