// Package faults breaks what stands around a running Sluice and looks at what
// comes of it: the server restarts or dies, the network is cut, slow or loses
// the end of a connection, clients stop reading, descriptors run out, ten
// thousand come at once, the clock jumps.
//
// For each fault it notes what the client saw, what the trail says, and how
// long it takes until a new session works; TABLE.md holds that, and the test
// compares. With each fault a bystander works on in another session; it must
// not notice, except where the server itself falls. Afterwards descriptors and
// roles are what they were. A full disk is in integration/gate.
//
// A Relay stands between two ends of a TCP connection and does the damage. It
// can be told to cut the network: from then on its sockets drop every packet
// that arrives, so that the other end has nothing acknowledged, as if the cable
// were out.
//
// The soak runs a mixed load for as long as -soak says and fails if memory,
// descriptors, threads or roles grow: ./integration/test --soak 1h.
package faults
