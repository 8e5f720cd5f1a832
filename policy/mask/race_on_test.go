//go:build race

package mask

const raceDetector = true
