package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// connections is how many clients a server has at a time.
const connections = 16

// Load sends a number of requests over a few connections that stay open, and
// returns how long one took of the whole time. The client reads answers with as
// little work as it can, for it shares the CPUs with the server.
func (s *Server) Load(requests int) (time.Duration, error) {
	clients := make([]*client, connections)
	for i := range clients {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		clients[i] = &client{conn: conn, answers: bufio.NewReader(conn)}
	}
	each := requests / connections
	errs := make([]error, connections)
	var group sync.WaitGroup
	began := time.Now()
	for i, c := range clients {
		group.Go(func() {
			for n := 0; n < each && errs[i] == nil; n++ {
				errs[i] = c.ask(s.request)
			}
		})
	}
	group.Wait()
	return time.Since(began) / time.Duration(each*connections), errors.Join(errs...)
}

type client struct {
	conn    net.Conn
	answers *bufio.Reader
}

// ask sends one request and reads its answer, which must be 200 and have a
// length.
func (c *client) ask(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = line[:max(0, len(line)-2)]
		switch {
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("bench: a request was answered %q", line)
		case len(line) == 0:
			if length < 0 {
				return errors.New("bench: an answer has no length")
			}
			_, err := c.answers.Discard(length)
			return err
		}
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(digits)); err != nil {
				return err
			}
		}
	}
}
