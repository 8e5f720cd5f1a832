package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// URL is where this machine asks for a path at an address as it stands in the
// configuration, host:port. An address that stands for all of them is asked on
// loopback.
func URL(address, path string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("admin port: %w", err)
	}
	if port == "0" {
		return "", fmt.Errorf("admin port: %s is any free port, which only the log of the proxy names", address)
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}

// Ask asks a probe. It returns what the proxy said, and an error unless that
// was 200. It goes straight there, whatever proxies the environment names.
func Ask(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("admin port: %w", err)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("admin port: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("admin port: %w", err)
	}
	said := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return said, fmt.Errorf("admin port: %s answered %s", url, response.Status)
	}
	return said, nil
}
