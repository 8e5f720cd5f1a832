package proxy

// ballast is memory that nobody touches, so that it costs none, in bytes. The
// garbage collector runs when the heap has doubled, and the heap of a proxy is
// small: it would collect many times a second, with help from every processor
// that has nothing else to do. With the ballast it collects when it is worth
// it, about four times less often, whatever GOGC says.
const ballast = 32 << 20
