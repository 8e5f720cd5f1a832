//go:build race

package statement

const raceDetector = true
