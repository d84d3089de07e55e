package usermgmttest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// A handler of the host, which asks who calls.
func greet(w http.ResponseWriter, r *http.Request) {
	caller, _ := usermgmt.FromContext(r.Context())
	fmt.Fprintf(w, "hello, %s", caller.Username)
}

// The handler is tested by itself, as a caller of one's choice.
func ExampleAs() {
	alice := usermgmt.PrincipalOf(usermgmt.User{ID: "usr_1", Username: "alice"})
	handler := usermgmttest.As(alice)(http.HandlerFunc(greet))

	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	fmt.Println(answer.Body)
	// Output: hello, alice
}
