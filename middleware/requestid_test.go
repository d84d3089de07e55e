package middleware_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usermgmt/usermgmt/internal/ids"
	"github.com/usermgmt/usermgmt/middleware"
)

func TestAssignRequestID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []string
		kept bool
	}{
		{"none", nil, false},
		{"well formed", []string{"abc-DEF_1.2"}, true},
		{"uuid", []string{"0198c2f4-8d4e-7b3a-9c55-1f2e3d4c5b6a"}, true},
		{"longest", []string{strings.Repeat("a", 128)}, true},
		{"too long", []string{strings.Repeat("a", 129)}, false},
		{"empty", []string{""}, false},
		{"space", []string{"a b"}, false},
		{"line break", []string{"a\r\nSet-Cookie: x"}, false},
		{"markup", []string{"<script>"}, false},
		{"not ASCII", []string{"é"}, false},
		{"two headers", []string{"a", "b"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h handler
			r := httptest.NewRequest("GET", "/", nil)
			for _, v := range tt.in {
				r.Header.Add("X-Request-ID", v)
			}
			w := serve(chain(&h, middleware.AssignRequestID()), r)
			id := middleware.RequestID(h.seen.Context())
			if got := w.Header().Get("X-Request-ID"); got != id {
				t.Errorf("answer carries %q, context %q", got, id)
			}
			switch {
			case tt.kept && id != tt.in[0]:
				t.Errorf("id = %q, want the incoming one", id)
			case !tt.kept && !ids.Is(ids.Request, id):
				t.Errorf("id = %q, want a new one", id)
			}
		})
	}
}

func TestRequestIDWithoutMiddleware(t *testing.T) {
	t.Parallel()
	if got := middleware.RequestID(t.Context()); got != "" {
		t.Errorf("RequestID = %q, want none", got)
	}
}
