// Command fuzz keeps the fuzz targets of the module honest and runs them.
//
// integration/fuzz-targets.txt names every target. The command "check" compares
// it with the sources in both directions, so a target that is renamed, deleted
// or forgotten in the list fails the build; "run" fuzzes each for a given time
// and fails when go test finds no such target, which by itself it only
// mentions in passing.
//
//	go run ./integration/fuzz check
//	go run ./integration/fuzz run -time 30s
package main
