package vaulttest

import (
	"maps"
	"net/http"
)

// keptBelow is where KV has what was written to it. Everywhere else there is the
// shared login to read, but for the secret named missing.
const keptBelow = "sluice/"

// kept is a secret of KV: its versions, the first of which has the number 1.
type kept struct {
	versions []map[string]any
	// deleted and destroyed are about the latest version.
	deleted, destroyed bool
}

func sharedSecret(name string) reply {
	if name == "missing" {
		return refuse(http.StatusNotFound)
	}
	return reply{body: map[string]any{"data": map[string]any{
		"data":     map[string]any{"username": SharedUser, "password": SharedPassword},
		"metadata": map[string]any{"version": 1},
	}}}
}

// Keep writes a secret to KV as an operator would, in a new version. Its texts
// count as secrets from now on.
func (s *Server) Keep(path string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(path, fields)
}

// Delete takes away the latest version of a secret; it could be brought back.
func (s *Server) Delete(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[path].deleted = true
}

// Destroy takes away the latest version of a secret for good.
func (s *Server) Destroy(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[path].destroyed = true
}

// Forget takes a secret away with all its versions.
func (s *Server) Forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, path)
}

// Kept returns the fields of the latest version at a path; nil if there is none.
func (s *Server) Kept(path string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[path]
	if k == nil {
		return nil
	}
	return maps.Clone(k.versions[len(k.versions)-1])
}

// keep answers for the secrets that are written to. The caller holds mu, as for
// all functions below.
func (s *Server) keep(method, engine, kind, name string, body map[string]any) reply {
	path := engine + "/" + name
	switch {
	case engine == OldMount && method != http.MethodGet:
		s.write(path, body)
		return reply{}
	case kind == "metadata" && method == http.MethodDelete:
		delete(s.kept, path)
		return reply{}
	case s.kept[path] == nil && method != http.MethodPut:
		return refuse(http.StatusNotFound)
	case engine == OldMount:
		return reply{body: map[string]any{"data": s.latest(path)}}
	case method == http.MethodGet:
		return s.readLatest(path)
	case method == http.MethodDelete:
		s.kept[path].deleted = true
		return reply{}
	}
	return s.putVersion(path, body)
}

func (s *Server) putVersion(path string, body map[string]any) reply {
	fields, _ := body["data"].(map[string]any)
	options, _ := body["options"].(map[string]any)
	number := 0
	if k := s.kept[path]; k != nil {
		number = len(k.versions)
	}
	if cas, is := options["cas"].(float64); number > 0 && s.options.CreateOnly {
		return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	} else if is && int(cas) != number {
		return refuse(http.StatusBadRequest, "check-and-set parameter did not match the current version")
	}
	s.write(path, fields)
	return reply{body: map[string]any{"data": map[string]any{"version": number + 1}}}
}

func (s *Server) write(path string, fields map[string]any) {
	k := s.kept[path]
	if k == nil {
		k = &kept{}
		s.kept[path] = k
	}
	k.versions, k.deleted, k.destroyed = append(k.versions, fields), false, false
	for _, value := range fields {
		if text, is := value.(string); is && len(text) > 8 {
			s.secrets = append(s.secrets, text)
		}
	}
}

func (s *Server) latest(path string) map[string]any {
	versions := s.kept[path].versions
	return versions[len(versions)-1]
}

func (s *Server) readLatest(path string) reply {
	k := s.kept[path]
	metadata := map[string]any{"version": len(k.versions), "destroyed": k.destroyed, "deletion_time": ""}
	out := reply{body: map[string]any{"data": map[string]any{"data": s.latest(path), "metadata": metadata}}}
	if k.deleted || k.destroyed {
		metadata["deletion_time"] = s.now()
		out = reply{status: http.StatusNotFound, body: map[string]any{"data": map[string]any{"data": nil, "metadata": metadata}}}
	}
	return out
}
