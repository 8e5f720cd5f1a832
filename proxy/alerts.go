package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-pg/sluice/proxy/watch"
)

const (
	// maxAlerts is how many alerts wait to be sent; the oldest is given up for one
	// more. Every one is in the log as well, and what it is about in the trail.
	maxAlerts = 1000
	// alertTries is how often one is tried, with a pause that doubles from
	// alertPause to alertRest.
	alertTries = 8
	alertPause = time.Second
	alertRest  = 2 * time.Minute
	// alertFarewell is how long alerts that wait are still sent at the end.
	alertFarewell = 3 * time.Second
	// maxHeaderFile bounds the file with the header, in bytes.
	maxHeaderFile = 8 << 10
)

// alerts are sent to a webhook, one after the other. Nobody waits for it.
type alerts struct {
	config   Alerts
	instance string
	log      *slog.Logger
	now      func() time.Time
	client   *http.Client
	queue    chan watch.Alert
	// sent, failed and lost count alerts that were taken, tries that were not, and
	// alerts that were given up.
	sent, failed, lost atomic.Int64
}

func newAlerts(c Alerts, instance string, log *slog.Logger, now func() time.Time) (*alerts, error) {
	a := &alerts{config: c, instance: instance, log: log, now: now, queue: make(chan watch.Alert, maxAlerts)}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	if c.CA != "" {
		pool, err := LoadPool(c.CA)
		if err != nil {
			return nil, fmt.Errorf("alerts.ca: %w", err)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	a.client = &http.Client{
		Transport: transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.URL != "" {
		if _, _, err := a.header(); err != nil {
			return nil, fmt.Errorf("alerts.header_file: %w", err)
		}
	}
	return a, nil
}

// tell takes an alert to be sent, and returns at once.
func (a *alerts) tell(one watch.Alert) {
	if a.config.URL == "" {
		return
	}
	one.Instance = a.instance
	for {
		select {
		case a.queue <- one:
			return
		default:
		}
		select {
		case old := <-a.queue:
			a.giveUp(old, errors.New("too many wait"))
		default:
		}
	}
}

// attend sends alerts until the context ends, and what waits then for a moment longer.
// The function it returns waits for that.
func (a *alerts) attend(ctx context.Context) (end func()) {
	if a.config.URL == "" {
		return func() {}
	}
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	last := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for {
			select {
			case one := <-a.queue:
				a.deliver(sending, one)
				continue
			default:
			}
			select {
			case one := <-a.queue:
				a.deliver(sending, one)
			case <-last:
				return
			case <-sending.Done():
				return
			}
		}
	})
	return func() {
		close(last)
		defer time.AfterFunc(alertFarewell, cancel).Stop()
		over.Wait()
		cancel()
	}
}

// deliver sends one alert, again after a pause if that fails.
func (a *alerts) deliver(ctx context.Context, one watch.Alert) {
	pause := alertPause
	for try := 1; ; try++ {
		err := a.post(ctx, one)
		if err == nil {
			a.sent.Add(1)
			return
		}
		a.failed.Add(1)
		a.log.Warn("an alert could not be sent", "event", one.Event, "try", try, "err", err)
		if try == alertTries {
			a.giveUp(one, err)
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			a.giveUp(one, ctx.Err())
			return
		}
		pause = min(2*pause, alertRest)
	}
}

func (a *alerts) giveUp(one watch.Alert, why error) {
	a.lost.Add(1)
	a.log.Error("an alert was not sent", "event", one.Event, "place", one.Place, "copy", one.Copy, "err", why)
}

// post is one try.
func (a *alerts) post(ctx context.Context, one watch.Alert) error {
	body, err := json.Marshal(one)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.config.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the request could not be made")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "sluice")
	name, value, err := a.header()
	if err != nil {
		return err
	}
	if name != "" {
		request.Header.Set(name, value)
	}
	response, err := a.client.Do(request)
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err // without the address, which often is a secret of its own
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxHeaderFile) // nobody reads it
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", response.Status)
	}
	return nil
}

// header reads the header that is sent with each alert, every time, so that a new one
// takes effect.
func (a *alerts) header() (name, value string, err error) {
	if a.config.HeaderFile == "" {
		return "", "", nil
	}
	file, err := os.Open(a.config.HeaderFile)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxHeaderFile))
	if err != nil {
		return "", "", err
	}
	name, value, is := strings.Cut(strings.TrimSpace(string(text)), ":")
	value = strings.TrimSpace(value)
	if !is || name == "" || value == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
		return "", "", errors.New("it does not hold one line of the form Name: value")
	}
	return textproto.CanonicalMIMEHeaderKey(name), value, nil
}

// loopbackHost reports whether a host is this machine.
func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
