package admin

import (
	"encoding/json"
	"testing"

	"github.com/sluice-pg/sluice/proxy/watch"
)

// watcher is a subject that watches copies, or none if status is nil.
type watcher struct {
	subject
	status *watch.Status
}

func (w *watcher) WatchStatus() *watch.Status { return w.status }

func TestWatchStatus(t *testing.T) {
	s, url := open(t, Options{})
	if code, _ := get(t, url+"/copies/watch", ""); code != 503 {
		t.Errorf("%d before the start", code)
	}
	s.Started(&subject{})
	if code, _ := get(t, url+"/copies/watch", ""); code != 404 {
		t.Errorf("%d where nothing is watched", code)
	}
	w := &watcher{}
	s.Started(w)
	if code, _ := get(t, url+"/copies/watch", ""); code != 404 {
		t.Errorf("%d without a watch", code)
	}
	w.status = &watch.Status{SchemaVersion: 1, Places: []watch.PlaceStatus{{Name: "analytics", Watched: true}}}
	code, body := get(t, url+"/copies/watch", "")
	var got watch.Status
	if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil || got.Places[0].Name != "analytics" {
		t.Errorf("%d %s %v", code, body, err)
	}
}
