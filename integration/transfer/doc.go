// Package transfer holds proxy/transfer to real servers: copies between versions
// and what they look like afterwards, beside the source and beside a copy that
// pg_dump made; masks, leases, rights; what is refused; a destination that gives
// rights away or changes rows; networks that are cut, backends and processes that
// are killed, at every step, and what is left of the copy then; and the memory of
// a process that long rows go through.
//
// A scenario has a source and a destination, of a pair of versions. Unless versions
// are asked for these are 15 to 15 and 13 to 18, and scenarios that have
// nothing to do with versions run on the first alone. SLUICE_TRANSFER_SCHEMAS is how
// many schemas are made at random for each pair, SLUICE_TRANSFER_SEED makes one
// again.
package transfer
