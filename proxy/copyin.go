package proxy

import "github.com/sluice-pg/sluice/proxy/wire"

// copyData passes COPY data on while the server takes it. Elsewhere it is
// dropped, as the server drops it; some clients send it before they know.
func (s *session) copyData(h wire.Header) error {
	ends := h.Type != 'd'
	takes, known := s.pending.copyGoes(ends)
	if !known {
		var err error
		if takes, err = s.takesCopyData(); err != nil {
			return err
		}
		if takes {
			takes, _ = s.pending.copyGoes(ends)
		}
	}
	if !takes {
		s.pending.copyDropped(h.Type)
		return s.client.Discard()
	}
	if s.stream != nil {
		if err := s.streamGoesOn(h); err != nil {
			return err
		}
	}
	_, err := s.client.Forward(s.upstream.conn)
	return err
}

// takesCopyData reports whether the server takes COPY data, as soon as that is
// certain.

func (s *session) takesCopyData() (bool, error) {
	p := s.pending
	p.mu.Lock()
	if p.copyIn || !p.mayCopy() {
		takes := p.copyIn
		p.mu.Unlock()
		return takes, nil
	}
	p.mu.Unlock()
	if err := s.flushUpstream(); err != nil {
		return false, err
	}
	err := p.wait(func() bool { return p.copyIn || !p.mayCopy() })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.copyIn, err
}
