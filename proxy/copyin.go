package proxy

import "github.com/sluice-pg/sluice/proxy/wire"

// copyData passes COPY data on while the server takes it. Elsewhere it is
// dropped, as the server drops it; some clients send it before they know.
func (s *session) copyData(h wire.Header) error {
	takes, err := s.takesCopyData()
	if err != nil {
		return err
	}
	if !takes {
		s.pending.copyDropped(h.Type)
		return s.client.Discard()
	}
	s.pending.copyGoes(h.Type != 'd')
	_, err = s.client.Forward(s.upstream.conn)
	return err
}

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
