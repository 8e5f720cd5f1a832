package proxy

// sayUnasked tells the client, between two messages, what it did not ask for:
// that the proxy is about to stop, that the session will end. Most clients read
// such a thing with the next answer, so it goes with the next answer.
func (s *session) sayUnasked() error {
	if !s.toldLeaving && s.server.leaving.Load() {
		s.toldLeaving = true
		err := s.client.WriteMessage(notice("sluice: the proxy is about to stop; this session ends when it is between two transactions",
			"Finish what is open soon, then connect again."))
		if err != nil {
			return err
		}
	}
	if s.unasked.Load() == nil {
		return nil
	}
	return s.client.WriteMessage(s.unasked.Swap(nil))
}
