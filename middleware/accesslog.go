package middleware

import (
	"log/slog"
	"net/http"
	"time"
)

// AccessLogConfig says where requests are logged.
type AccessLogConfig struct {
	// Logger takes the lines; nil discards them.
	Logger *slog.Logger

	// Clock is what durations are measured with; nil means time.Now.
	Clock func() time.Time

	// Skip reports whether a request is not logged, as probes of health may
	// be. Nil skips none.
	Skip func(*http.Request) bool
}

// AccessLog logs one line for each request when it has been answered:
// method, pattern (of http.ServeMux), path, status, bytes of the body,
// duration, client_ip, request_id, and subject where the request was
// authenticated. 5xx is logged as an error, 4xx as a warning, the rest as
// information. A request whose handler panicked without anybody recovering is
// logged with aborted=true, and the panic goes on.
//
// It never logs the query, headers or bodies: those hold secrets.
func AccessLog(log AccessLogConfig) func(http.Handler) http.Handler {
	if log.Clock == nil {
		log.Clock = time.Now
	}
	return func(next http.Handler) http.Handler {
		if log.Logger == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if log.Skip != nil && log.Skip(r) {
				next.ServeHTTP(w, r)
				return
			}
			line := accessLine{path: r.URL.Path, start: log.Clock(), aborted: true}
			line.request, line.exchange = withExchange(r)
			line.recorder = record(w)
			defer func() { log.write(&line) }()
			next.ServeHTTP(line.recorder, line.request)
			line.aborted = false
		})
	}
}

// accessLine is what a line is made of.
type accessLine struct {
	request  *http.Request
	exchange *exchange
	recorder *recorder
	path     string // as it came: handlers may change the URL
	start    time.Time
	aborted  bool
}

func (log *AccessLogConfig) write(line *accessLine) {
	r, known := line.request, line.exchange.facts()
	status := line.recorder.status
	if status == 0 && !line.aborted && !line.recorder.hijacked {
		status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
	level := levelOf(status, line.aborted)
	if !log.Logger.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("method", r.Method),
		slog.String("pattern", r.Pattern),
		slog.String("path", line.path),
		slog.Int("status", status),
		slog.Int64("bytes", line.recorder.bytes),
		slog.Duration("duration", log.Clock().Sub(line.start)),
		slog.String("request_id", known.requestID),
	)
	if known.clientIP.IsValid() {
		attrs = append(attrs, slog.String("client_ip", known.clientIP.String()))
	}
	if known.subject != "" {
		attrs = append(attrs, slog.String("subject", known.subject))
	}
	if line.aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	log.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

func levelOf(status int, aborted bool) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelError
	case status >= 400, aborted:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
