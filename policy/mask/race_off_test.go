//go:build !race

package mask

const raceDetector = false
