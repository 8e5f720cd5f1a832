// Package record reads the pieces a trail is made of: frames, records,
// segment headers and checkpoints. It only reads. The formats are specified
// in package audit, which writes them with code of its own; the two meet in
// tests and nowhere else.
//
// Every parser here is strict: there is exactly one way to write a thing,
// and any other way is an error that says at which byte. Input is bounded by
// MaxBytes and MaxDepth, and no input makes a parser panic.
package record
