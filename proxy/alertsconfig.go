package proxy

import (
	"net/url"
	"time"
)

// Alerts says whom the watch over copies tells, besides the log and the metrics.
type Alerts struct {
	// URL is where each alert is sent as JSON by POST; empty sends none. http is
	// for loopback only.
	URL string `yaml:"url"`
	// CA is a PEM file; empty means the system's pool.
	CA string `yaml:"ca"`
	// Timeout bounds one try. Default 10s.
	Timeout time.Duration `yaml:"timeout"`
	// HeaderFile holds one line that is sent as a header with each alert, such as
	// Authorization: Bearer and a token. Nobody else should be able to read it.
	HeaderFile string `yaml:"header_file"`
}

func (a *Alerts) fill() { orElse(&a.Timeout, 10*time.Second) }

func (a *Alerts) validate(wrong func(string, ...any)) {
	if a.URL == "" {
		if a.HeaderFile != "" || a.CA != "" {
			wrong("alerts.url is needed with alerts.header_file and alerts.ca")
		}
		return
	}
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		wrong("alerts.url: is no URL that begins with https://")
	case u.User != nil:
		wrong("alerts.url: has a password in it; use alerts.header_file")
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		wrong("alerts.url: http is for loopback addresses only, since alerts name relations and roles")
	}
	if a.Timeout < 0 {
		wrong("alerts.timeout: %s is below zero", a.Timeout)
	}
}
