package vault

import (
	"errors"
	"sync"
)

// each does something with several leases, a few at a time, and goes on when one
// fails.
func each(all []*held, do func(*held) error) error {
	problems := make([]error, len(all))
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for n, h := range all {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			problems[n] = do(h)
		})
	}
	group.Wait()
	return errors.Join(problems...)
}
