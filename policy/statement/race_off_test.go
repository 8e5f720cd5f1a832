//go:build !race

package statement

const raceDetector = false
