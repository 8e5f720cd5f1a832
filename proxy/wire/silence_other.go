//go:build !linux

package wire

import "time"

// Unanswered tells nothing here; the system's own limits find dead peers.
func (c *Conn) Unanswered() time.Duration { return 0 }
