//go:build !race

package transfer

// raceDetector tells that the race detector is on, which keeps several bytes for each.
const raceDetector = false
