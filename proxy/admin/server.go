package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"
)

// Options are what the port offers.
type Options struct {
	// Metrics serves /metrics; nil means that there are none.
	Metrics http.Handler
	// PProf offers profiles.
	PProf bool
	Log   *slog.Logger
}

// Server is the port.
type Server struct {
	http    *http.Server
	subject atomic.Pointer[Subject]
	log     *slog.Logger
	served  chan struct{}
}

const (
	// patience bounds reading a request and writing an answer.
	patience = 10 * time.Second
	// profileTime bounds an answer that measures for as long as it was
	// asked to.
	profileTime = 5 * time.Minute
	// maxHeader bounds the header of a request, in bytes.
	maxHeader = 16 << 10
)

// New builds a server that has not started yet.
func New(o Options) *Server {
	s := &Server{log: o.Log, served: make(chan struct{})}
	s.http = &http.Server{
		Handler: s.routes(o), ReadTimeout: patience, ReadHeaderTimeout: patience, WriteTimeout: patience,
		IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	if o.PProf {
		s.http.WriteTimeout = profileTime
	}
	return s
}

func (s *Server) routes(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /startupz", s.startup)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /copies/watch", s.watch)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	if o.PProf {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// Serve answers on a listener until Close.
func (s *Server) Serve(l net.Listener) {
	defer close(s.served)
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("the admin port is closed", "err", err)
	}
}

// Started says that the proxy accepts clients, and who knows how it is from
// now on.
func (s *Server) Started(subject Subject) { s.subject.Store(&subject) }

// Close ends the port, after a Serve: answers that are being written may
// finish until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	return nil
}
