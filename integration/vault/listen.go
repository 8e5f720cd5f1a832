package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/vault"
)

const host = "127.0.0.1"

// listeners are the open ports, and how they are reached.
type listeners struct {
	Address    string `json:"address"`
	TLSAddress string `json:"tls_address,omitempty"`

	open []net.Listener
}

// listen opens the ports. Clients that come before the server serves wait.
func listen(o options) (*listeners, error) {
	l := &listeners{}
	plain, err := l.at(o.port)
	if err != nil {
		return nil, err
	}
	l.Address = "http://" + plain.Addr().String()
	l.open = append(l.open, plain)
	if o.cert == "" {
		return l, nil
	}
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		l.close()
		return nil, fmt.Errorf("certificate: %w", err)
	}
	secure, err := l.at(o.tlsPort)
	if err != nil {
		l.close()
		return nil, err
	}
	l.TLSAddress = "https://" + secure.Addr().String()
	l.open = append(l.open, tls.NewListener(secure, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}))
	return l, nil
}

func (*listeners) at(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

func (l *listeners) close() {
	for _, one := range l.open {
		_ = one.Close() // a server may have closed it already
	}
}

// serve answers on every port until the returned function is called, which
// lets requests under way finish for some seconds. A port that fails is told.
func (l *listeners) serve(core *vault.Core, logger hclog.Logger, failed chan<- error) (stop func()) {
	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Type: "tcp", Address: host},
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          logger.Named("http").StandardLogger(nil),
	}
	for _, one := range l.open {
		go func() {
			if err := server.Serve(one); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", one.Addr(), err)
			}
		}()
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
}
