package vaulttest

import "net/http"

// admin returns a token that may do everything, and takes what the case has
// written away with it at the end.
func (p *probe) admin() string {
	p.Helper()
	token := p.target.Admin(p.T)
	p.Cleanup(func() {
		p.send(token, "DELETE", p.kept("metadata"), nil)
		p.send(token, "PUT", "auth/token/revoke-self", nil)
	})
	return token
}

func (p *probe) kept(kind string) string {
	return p.target.KeepMount + "/" + kind + "/" + p.target.KeepPath
}

// create writes a secret where there has to be none.
func (p *probe) create(token, text string) said {
	p.Helper()
	return p.send(token, "PUT", p.kept("data"), map[string]any{
		"data": map[string]any{"key": text}, "options": map[string]any{"cas": 0},
	})
}

func missesSecret(p *probe) {
	out := p.send(p.login, "GET", p.kept("data"), nil)
	if out.Status != http.StatusNotFound || len(out.Errors) > 0 || len(out.Data) > 0 {
		p.Errorf("a secret that never was: status %d, %q", out.Status, out.Errors)
	}
}

func missesMount(p *probe) {
	token := p.admin()
	for _, method := range []string{"GET", "PUT"} {
		out := p.send(token, method, NoMount+"/data/"+p.target.KeepPath, map[string]any{"data": map[string]any{"key": "x"}})
		if out.Status != http.StatusNotFound || !out.has("no handler for route") {
			p.Errorf("%s without a mount: status %d, %q", method, out.Status, out.Errors)
		}
	}
}

func createsSecret(p *probe) {
	admin := p.admin()
	first := p.create(p.login, "first")
	if version, _ := first.Data["version"].(float64); first.Status != http.StatusOK || version != 1 {
		p.Fatalf("the first: status %d, version %v", first.Status, first.Data["version"])
	}
	// Who may not update is denied before the engine looks at the versions.
	again := p.create(p.login, "second")
	if again.Status != http.StatusForbidden && (again.Status != http.StatusBadRequest || !again.has("check-and-set parameter did not match")) {
		p.Errorf("the second: status %d, %q", again.Status, again.Errors)
	}
	again = p.create(admin, "third")
	if again.Status != http.StatusBadRequest || !again.has("check-and-set parameter did not match") {
		p.Errorf("the third: status %d, %q", again.Status, again.Errors)
	}
	out := p.want(p.login, "GET", p.kept("data"), nil)
	data, _ := out.Data["data"].(map[string]any)
	metadata, _ := out.Data["metadata"].(map[string]any)
	if data["key"] != "first" || metadata["version"] != 1.0 {
		p.Errorf("%d fields, version %v", len(data), metadata["version"])
	}
}

func missesVersion(p *probe) {
	admin := p.admin()
	p.create(p.login, "first")
	p.want(admin, "DELETE", p.kept("data"), nil)
	out := p.send(p.login, "GET", p.kept("data"), nil)
	data, is := out.Data["data"]
	metadata, _ := out.Data["metadata"].(map[string]any)
	when, _ := metadata["deletion_time"].(string)
	if out.Status != http.StatusNotFound || !is || data != nil || metadata["version"] != 1.0 || metadata["destroyed"] != false || when == "" {
		p.Errorf("status %d, metadata %v", out.Status, metadata)
	}
	if again := p.create(admin, "second"); again.Status != http.StatusBadRequest {
		p.Errorf("created over a deleted version: status %d", again.Status)
	}
}
