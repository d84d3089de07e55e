package httpapi_test

import "strings"

// bodiesOfAccounts are those of what admins do to the accounts of users, and users
// to take their own out.
var bodiesOfAccounts = map[string]string{
	"create-user":         `{"username":"dan","email":"dan@example.com"}`,
	"update-user":         `{"display_name":"D"}`,
	"delete-user":         `{"reason":"left"}`,
	"delete-user-by-post": `{"reason":"left"}`,
	"change-users":        `{"ids":["usr_1"],"action":"suspend","reason":"spam"}`,
	"import-users":        `{"username":"hanna"}`,
	"restore-user":        `{"reason":"came back"}`,
	"purge-user":          `{"reason":"for good"}`,
	"purge-user-by-post":  `{"reason":"for good"}`,
	"reauth":              `{"password":"` + password + `"}`,
}

// streams reports whether the body of an operation is lines.
func (op operation) streams() bool {
	_, json := op.RequestBody.Content["application/json"]
	return !json
}

func (s *steps) ofAccounts() {
	s.t.Helper()
	root := s.admin().access
	s.rows()
	gina := personOf(s.step("register", "POST", "/auth/register", "", strings.ReplaceAll(bodies["register"], "carol", "gina"), 201, "user.register ok by user on user"))
	s.step("reauth", "POST", "/auth/me/reauth", gina.access, bodies["reauth"], 204)
	s.step("reauth", "POST", "/auth/me/reauth", gina.access, `{"password":"not this one"}`, 401, "user.login_failed failed by user on user")
	s.step("export-me", "GET", "/auth/me/export", gina.access, "", 200, "user.export ok by user on user")

	dan := s.step("create-user", "POST", "/admin/users", root, bodies["create-user"], 201, "user.create ok by admin on user").text("id")
	s.step("create-user", "POST", "/admin/users", root, bodies["create-user"], 409)
	path := "/admin/users/" + dan
	s.step("update-user", "PATCH", path, root, bodies["update-user"], 200, "user.update ok by admin on user")
	s.step("update-user", "PATCH", path, root, bodies["update-user"], 200)
	s.step("update-user", "PATCH", path, root, `{"email":null,"plan":"free"}`, 200, "user.email ok by admin on user")
	s.step("update-user", "PATCH", path, root, `{"plan":"free","usage":"zero"}`, 200, "user.plan ok by admin on user")
	s.step("change-users", "POST", "/admin/users/bulk", root, `{"ids":["`+dan+`","`+gina.id+`","nobody"],"action":"suspend","reason":"spam"}`, 200,
		"user.suspend ok by admin on user", "user.suspend ok by admin on user")
	s.step("export-users", "GET", "/admin/users/export", root, "", 200, "user.export ok by admin on user")
	s.step("import-users", "POST", "/admin/users/import", root, bodies["import-users"]+"\n{}\n", 200, "user.import ok by admin on user")
	s.step("delete-user", "DELETE", path, root, bodies["delete-user"], 204, "user.delete ok by admin on user")
	s.step("delete-user-by-post", "POST", path+"/delete", root, bodies["delete-user"], 404)
	path = "/admin/deleted-users/" + dan
	s.step("restore-user", "POST", path+"/restore", root, bodies["restore-user"], 200, "user.restore ok by admin on user")
	s.step("delete-user", "DELETE", "/admin/users/"+dan, root, bodies["delete-user"], 204, "user.delete ok by admin on user")
	s.step("purge-user", "DELETE", path, root, bodies["purge-user"], 204, "user.purge ok by admin on user")
	s.step("purge-user-by-post", "POST", path+"/delete", root, bodies["purge-user"], 404)
	s.step("restore-user", "POST", path+"/restore", root, bodies["restore-user"], 404)
}
