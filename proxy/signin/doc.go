// Package signin gets a person a token of their OpenID provider and puts it
// where libpq finds it, for clients that cannot fetch one themselves.
//
//	Device:  person, browser <-> provider     -> token   (device.go)
//	Folder.Save: token -> passfile, host and user -> service file
//
// Both files are in a folder of Sluice's own, with mode 0600, so that nothing is
// changed that the person wrote: libpq is pointed to them by PGSERVICEFILE. A
// service entry names its passfile, and a passfile has one line and is replaced
// with the next token, or removed once that has expired (tidy.go). The provider is
// asked with care (client.go): what it says is shown on a terminal.
//
// This is the client's side; who is let in by a token is decided by package
// identity.
package signin
