// Provider is a small OpenID provider on loopback, made of the library
// github.com/zitadel/oidc, for the tests of logins by token. It is a module of
// its own, so that the library is none of Sluice's.
//
//	provider -cert FILE -key FILE -people FILE
//
// It prints its issuer, then a line for each request it answers, and ends when
// its standard input does. People are clients that get an access token in the
// form of a JWT for themselves (grant client_credentials). The client psql has no
// secret and gets one by the device flow. SIGHUP gives the provider a new signing
// key, which from then on is the only one it shows.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}

func run() error {
	cert := flag.String("cert", "", "certificate `FILE` for localhost")
	key := flag.String("key", "", "its private key `FILE`")
	people := flag.String("people", "", "`FILE` with the people, as JSON")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(*people)
	if err != nil {
		return err
	}
	var known []person
	if err := json.Unmarshal(data, &known); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	keeper, err := newKeeper(known)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := fmt.Sprintf("https://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	provider, err := newProvider(issuer, keeper)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: said(withApproval(provider, keeper)), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	fmt.Println(issuer)
	go rotateOnHangup(keeper)
	go endWithInput(server)
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newProvider(issuer string, keeper *keeper) (*op.Provider, error) {
	config := &op.Config{AuthMethodPost: true, DeviceAuthorization: op.DeviceAuthorizationConfig{
		Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
	}}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	return op.NewProvider(config, keeper, op.StaticIssuer(issuer))
}

// withApproval stands in for the person at a browser: POST /approve with a
// user code and a person says that this person agreed.
func withApproval(provider http.Handler, keeper *keeper) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /approve", func(w http.ResponseWriter, r *http.Request) {
		if err := keeper.CompleteDeviceAuthorization(r.Context(), r.FormValue("user_code"), r.FormValue("person")); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
	})
	mux.Handle("/", provider)
	return mux
}

// said prints a line for each request.
func said(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

func rotateOnHangup(keeper *keeper) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	for range hangup {
		if err := keeper.rotate(); err != nil {
			fmt.Fprintln(os.Stderr, "provider:", err)
			os.Exit(1)
		}
		fmt.Println("rotated")
	}
}

// endWithInput lets the provider end with the test that started it, however
// that ends.
func endWithInput(server *http.Server) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
}
