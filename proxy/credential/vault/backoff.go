package vault

import (
	"math/rand/v2"
	"time"
)

// backoff is how long to wait after something has failed n times in a row: twice
// as long each time, and half of it by chance, so that many who failed together
// do not come back together.
func backoff(n int, first, longest time.Duration) time.Duration {
	pause := min(first<<min(n-1, 10), longest)
	return pause/2 + rand.N(pause/2+1)
}

// again is how long to wait after a renewal has failed n times in a row.
func again(n int) time.Duration { return backoff(n, time.Second, 30*time.Second) }
