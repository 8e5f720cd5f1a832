package ledger_test

import "hash/crc32"

// crc is the checksum of a frame.
func crc(covered []byte) uint32 { return crc32.Checksum(covered, crc32.MakeTable(crc32.Castagnoli)) }
