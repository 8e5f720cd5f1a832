// Package wire reads and writes the frames of the PostgreSQL
// frontend/backend protocol, version 3 (PostgreSQL documentation, chapter
// "Frontend/Backend Protocol", section "Message Formats").
//
// A Conn is the only reader of its socket from the first byte to the last
// (contract 4). It knows three things about the bytes: where a packet of the
// start-up phase ends, where a message ends, and which byte is a message's
// type. What messages mean is decided elsewhere.
//
// Before the start-up packet has been read, Conn reads exactly the bytes it
// asks for, so that nothing that arrives before a TLS handshake can be taken
// for something that arrived inside it. After that it reads ahead into one
// buffer:
//
//	header, err := conn.Next()      // type and length, nothing consumed
//	conn.Forward(other)             // move it without looking, or
//	body, err := conn.Body()        // look at it whole, or
//	prefix, err := conn.Prefix(64)  // look at its beginning
//
// A message has to be forwarded, read or discarded before Next is called
// again. Forwarding allocates nothing, whatever the size of the message.
//
// # Who waits
//
// Serve hands on messages for as long as there are some. A TCP socket that was
// made Conn's own (Own) is not waited for by Go's poller, which would wake a
// goroutine, and often a thread, for each event, but by a loop
// (loop_linux.go): one goroutine with an epoll instance (epoll(7)) that runs
// what there is to do for one socket after the other. Three rules keep that
// safe. A socket that is being served is served by nobody else, whoever leads
// the loop (readwait_linux.go has the states). What takes long calls Leave, or
// is taken off the loop. A descriptor stays open for as long as a call uses it,
// whoever closes it meanwhile, so that no byte goes to a socket that has its
// number next.
package wire
