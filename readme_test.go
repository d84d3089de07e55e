package usermgmt_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The README's program is the one in examples/minimal, and it builds and runs in
// a module of its own that finds this one by replace.
func TestTheProgramOfTheReadme(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	_, rest, _ := strings.Cut(readme, "```go\n")
	program, _, _ := strings.Cut(rest, "```")
	if program != read(t, "examples/minimal/main.go") {
		t.Fatal("the README's program is not examples/minimal/main.go")
	}

	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), program)
	write(t, filepath.Join(dir, "go.sum"), read(t, "go.sum"))
	command(t, dir, "go", "mod", "init", "hello")
	command(t, dir, "go", "mod", "edit", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	command(t, dir, "go", "build", "-mod=mod", "-o", "hello", ".")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	hello := exec.CommandContext(t.Context(), filepath.Join(dir, "hello"))
	hello.Dir = dir
	hello.Env = append(os.Environ(), "USERMGMT_LISTEN="+address, "USERMGMT_BCRYPT_COST=4")
	log := new(bytes.Buffer)
	hello.Stderr = log
	if err := hello.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- hello.Wait() }()

	h := &host{t: t, url: "http://" + address}
	for {
		if res, err := http.Get(h.url + "/"); err == nil {
			res.Body.Close()
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the program ended: %v\n%s", err, log)
		case <-time.After(10 * time.Millisecond):
		}
	}
	token := h.register("alice").text("access_token")
	h.want(h.call("POST", "/v1/hello", token, nil), 200, "")
	h.want(h.call("POST", "/v1/hello", "", nil), 401, "unauthenticated")
	if err := hello.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, log)
	}
}

func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
