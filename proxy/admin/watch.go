package admin

import (
	"encoding/json"
	"net/http"

	"github.com/sluice-pg/sluice/proxy/watch"
)

// Watched is a Subject that watches copies. WatchStatus answers at once; it is nil
// if there is no watch.
type Watched interface {
	WatchStatus() *watch.Status
}

// watch says how the watch over copies is.
func (s *Server) watch(w http.ResponseWriter, _ *http.Request) {
	subject := s.subject.Load()
	if subject == nil {
		answer(w, http.StatusServiceUnavailable, "starting\n")
		return
	}
	watched, is := (*subject).(Watched)
	if !is || watched.WatchStatus() == nil {
		answer(w, http.StatusNotFound, "nothing is watched\n")
		return
	}
	body, err := json.Marshal(watched.WatchStatus())
	if err != nil {
		answer(w, http.StatusInternalServerError, "the state cannot be written as JSON\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer(w, http.StatusOK, string(body)+"\n")
}
