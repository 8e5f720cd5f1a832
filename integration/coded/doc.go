// Package coded holds Sluice, with a policy that knows classes, to what the code
// of a real server does that statements call, or run without calling it.
package coded
