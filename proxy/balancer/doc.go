// Package balancer reads what a load balancer says about the connection that
// it passes on: the PROXY protocol, versions 1 and 2, as HAProxy's
// documentation specifies it (proxy-protocol.txt).
//
// A balancer opens a connection of its own to the proxy, so that the proxy
// would see the balancer's address for every client. The header, the first
// bytes of the connection, names the client's. Whoever may send one can name
// any address, so it is read only from networks that the configuration names,
// and there it must be sent.
//
// The header is read to its last byte and not a byte further: what follows it
// belongs to the reader of the socket. Destination addresses and the
// extensions of version 2 (TLVs) are not looked at.
package balancer
