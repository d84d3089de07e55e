package middleware

import (
	"log/slog"
	"net/http"

	"github.com/usermgmt/usermgmt/internal/problem"
)

// refuse answers r with the problem of err. The cause of what is not the
// client's fault goes to the log, for the answer does not say it; a client that
// has hung up is no cause.
func refuse(w http.ResponseWriter, r *http.Request, logger *slog.Logger, err error) {
	id := w.Header().Get(problem.RequestIDHeader)
	if problem.From(err, id).Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		logger.LogAttrs(r.Context(), slog.LevelError, "a request failed",
			slog.String("path", r.URL.Path), slog.String("request_id", id), slog.Any("error", err))
	}
	problem.Write(w, r, err)
}
