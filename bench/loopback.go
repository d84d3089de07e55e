package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/usermgmt/usermgmt/authn"
)

// The servers whose requests a second are compared.
const (
	LoopbackBareKey  = "net/http alone: API key in the request"
	LoopbackBareJWT  = "net/http alone: token in the request"
	LoopbackHeaders  = "net/http alone: API key, answered with our headers"
	LoopbackAuth     = "authenticate: API key"
	LoopbackKey      = "Wrap(mux(Protect())): API key"
	LoopbackEdDSA    = "Wrap(mux(Protect())): EdDSA token"
	LoopbackGuardian = "go-guardian: cached EdDSA token"
	LoopbackJWTAuth  = "jwtauth: HS256 verified each time"
)

// Server answers on a loopback address.
type Server struct {
	Name    string
	server  *http.Server
	address string
	request []byte // what a client sends
	ended   chan error
}

// Servers starts the servers to compare, of one user. Each must be closed.
func (h *House) Servers(p *People) (servers []*Server, err error) {
	reply := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"reply":"ok"}`) // a client that is gone needs no answer
	})
	peer, err := guardian(p.EdDSA[:1], reply)
	if err != nil {
		return nil, err
	}
	key, token := apiKeyHeader+": "+p.Keys[0], bearerHeader+": "+p.EdDSA[0]
	secret := h.ring.Newest(authn.PurposeHS256).Secret()
	for _, s := range []struct {
		name       string
		handler    http.Handler
		credential string
	}{
		{LoopbackBareKey, reply, key},
		{LoopbackBareJWT, reply, token},
		{LoopbackHeaders, withHeadersOf(h.protected(reply), key, reply), key},
		{LoopbackAuth, authenticate(h.verifier(h.store, h.eddsa, rememberUpTo))(reply), key},
		{LoopbackKey, h.protected(reply), key},
		{LoopbackEdDSA, h.protected(reply), token},
		{LoopbackGuardian, peer, token},
		{LoopbackJWTAuth, chiJWTAuth(secret, reply), bearerHeader + ": " + p.HS256[0]},
	} {
		started, err := serve(s.name, s.handler, s.credential)
		if err != nil {
			for _, s := range servers {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		servers = append(servers, started)
	}
	return servers, nil
}

// withHeadersOf answers as next does, with the headers that other would send:
// what they cost whoever sends them.
func withHeadersOf(other http.Handler, credential string, next http.Handler) http.Handler {
	r := httptest.NewRequest(http.MethodPost, "/v1/chat", nil)
	field, value, _ := strings.Cut(credential, ": ")
	r.Header.Set(field, value)
	w := httptest.NewRecorder()
	other.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		panic(fmt.Sprintf("bench: a request was answered %d", w.Code))
	}
	headers := w.Header()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers)
		next.ServeHTTP(w, r)
	})
}

func serve(name string, handler http.Handler, credential string) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		Name:    name,
		server:  &http.Server{Handler: handler},
		address: listener.Addr().String(),
		request: fmt.Appendf(nil, "POST /v1/chat HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: 0\r\n\r\n", listener.Addr(), credential),
		ended:   make(chan error, 1),
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
