package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/usermgmt/usermgmt/internal/problem"
)

const (
	title          = "usermgmt"
	openAPIVersion = "3.1.0"
)

// OpenAPI serves one OpenAPI 3.1 document of the routers made so far, under
// their prefixes.
func (a *API) OpenAPI() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reading(w, r) {
			return
		}
		doc, err := a.document()
		if err != nil {
			a.logFault(r.Context(), "openapi", "", err)
			problem.Write(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(doc)
	})
}

// tags are the sections that the operations are in, in the order of reading.
func tags(paths map[string]*huma.PathItem) []*huma.Tag {
	all := []*huma.Tag{
		{Name: "account", Description: "Registration, sign-in and one's own account"},
		{Name: "sessions", Description: "Sign-ins that live, and the tokens of one"},
		{Name: "keys", Description: "API keys: credentials for programs, within limits of their own"},
		{Name: "usage", Description: "Limits, and what is used of them"},
		{Name: "messages", Description: "The log of conversations"},
		{Name: "staff", Description: "Sign-in of those who help users"},
		{Name: "admin", Description: "Sign-in of those who run the service"},
		{Name: "staff-accounts", Description: "The accounts of those who help users"},
		{Name: "admin-accounts", Description: "The accounts of those who run the service"},
		{Name: "service-keys", Description: "Credentials for services that act for users"},
		{Name: "users", Description: "The accounts of others"},
		{Name: "accounts", Description: "Making, changing and deleting the accounts of others, and taking them out and in"},
		{Name: "deleted-users", Description: "Users who were deleted and can come back"},
		{Name: "plans", Description: "What groups of users may use"},
		{Name: "audit", Description: "The trail of what was done"},
		{Name: "tasks", Description: "Upkeep and backups"},
		{Name: "settings", Description: "What is set while the service runs"},
		{Name: "metering", Description: "Units that a service uses, and messages that it logs, on behalf of users"},
		{Name: "tokens", Description: "What verifies access tokens"},
	}
	used := make(map[string]bool)
	for _, item := range paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op != nil {
				used[op.Tags[0]] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(t *huma.Tag) bool { return !used[t.Name] })
}

// document returns the document, made anew after a router was added.
func (a *API) document() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.doc == nil {
		doc, err := json.Marshal(a.merge())
		if err != nil {
			return nil, err
		}
		a.doc = append(doc, '\n')
	}
	return a.doc, nil
}

// merge puts the operations of all routers under their prefixes. Schemas need
// no merging: the routers share one registry, in which one name is one type.
func (a *API) merge() *huma.OpenAPI {
	doc := &huma.OpenAPI{
		OpenAPI: openAPIVersion,
		Info: &huma.Info{
			Title:       title,
			Version:     a.cfg.Version,
			Description: "Accounts, sign-in, sessions, API keys, usage and message logs.",
			License:     &huma.License{Name: "MIT", Identifier: "MIT"},
		},
		Paths: map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas: a.schemas,
			Headers: headers(),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeBearer:  {Type: "http", Scheme: "bearer", Description: "An access token, or an API key."},
				schemeAPIKey:  {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key with the scope."},
				schemeStaff:   {Type: "http", Scheme: "bearer", Description: "An access token of support staff of the level or a higher one."},
				schemeAdmin:   {Type: "http", Scheme: "bearer", Description: "An access token of an admin with the permission, or of an owner."},
				schemeService: {Type: "http", Scheme: "bearer", Description: "A service key with the scope; X-API-Key takes it too."},
			},
		},
	}
	if a.cfg.BaseURL != "" {
		doc.Servers = []*huma.Server{{URL: a.cfg.BaseURL}}
	}
	for _, r := range a.routers {
		for path, item := range r.huma.OpenAPI().Paths {
			doc.Paths[r.prefix+path] = item
		}
	}
	doc.Tags = tags(doc.Paths)
	return doc
}

// reading reports whether the request only reads, and answers it otherwise.
func reading(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	problem.Write(w, r, errMethod())
	return false
}
