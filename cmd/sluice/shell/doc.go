// Package shell makes from the command tree what shells and readers need:
// completions and the manual page. Neither can name a command or flag that
// does not exist.
//
// A completion script is a few lines for its shell. It gives the words of the
// command line to the hidden command complete, which answers with a first line
// that says what follows:
//
//	words   the words that could stand here, each with a tab and its meaning
//	open    the same, and more comes behind the word without a blank
//	files   nothing: the shell completes names of files
//
// So a program and its script need not be of the same day.
package shell
