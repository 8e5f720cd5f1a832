package budget

import "math/bits"

const (
	// slots are those that a window is made of, with the one before that is
	// not surely over.
	slots = 25
	// maxRoom is how many places a sample has at most, a power of two, and
	// maxKept how many of them are taken: three quarters.
	maxRoom = 8192
	maxKept = maxRoom / 4 * 3
	minRoom = 16
	// maxLevel is the most zeros that are asked for; with it a sample would
	// stand for 2^32 times as many.
	maxLevel = 32
)

// sample knows subjects by their hashes, each with the slot where it was seen
// last: all of them while there is room, and then, slot by slot, those whose
// hash begins with so many zero bits, the slot's level. A subject that a slot
// with level n knows stands for 2^n that were seen there last.
type sample struct {
	// hashes is a table with open addressing, 0 for free; at has the slot.
	hashes []uint64
	at     []uint8
	kept   int
	levels [slots]uint8
	// held is how many of them each slot has.
	held [slots]int
	// count is the estimate of all subjects.
	count int64
}

func passes(hash uint64, level uint8) bool { return bits.LeadingZeros64(hash) >= int(level) }

// find returns the place of a hash, or the free one where it would be.
func (s *sample) find(hash uint64) (place int, known bool) {
	mask := len(s.hashes) - 1
	for place = int(hash) & mask; s.hashes[place] != 0; place = (place + 1) & mask {
		if s.hashes[place] == hash {
			return place, true
		}
	}
	return place, false
}

// last returns the slot where a subject was seen last.
func (s *sample) last(hash uint64) (slot uint8, known bool) {
	if s.kept == 0 {
		return 0, false
	}
	place, known := s.find(hash)
	if !known {
		return 0, false
	}
	return s.at[place], true
}

// more is by how much the count would grow if a subject were seen in a slot, with
// what last says of it.
func (s *sample) more(hash uint64, slot, was uint8, known bool) int64 {
	var before, after int64
	if known {
		before = 1 << s.levels[was]
	}
	if passes(hash, s.levels[slot]) {
		after = 1 << s.levels[slot]
	}
	return after - before
}

// moves reports whether anything changes if a subject is seen in a slot, with what
// last says of it.
func (s *sample) moves(hash uint64, slot, was uint8, known bool) bool {
	if known {
		return was != slot
	}
	return passes(hash, s.levels[slot])
}

// see notes that a subject was seen in a slot.
func (s *sample) see(hash uint64, slot uint8) {
	if !s.seen(hash, slot) && passes(hash, s.levels[slot]) {
		s.insert(hash, slot)
	}
}

// seen moves a subject that is known to a slot, and reports whether it is.
func (s *sample) seen(hash uint64, slot uint8) bool {
	if s.kept == 0 {
		return false
	}
	place, known := s.find(hash)
	if !known {
		return false
	}
	s.count -= 1 << s.levels[s.at[place]]
	s.held[s.at[place]]--
	if !passes(hash, s.levels[slot]) {
		s.free(place)
		return true
	}
	s.count += 1 << s.levels[slot]
	s.at[place] = slot
	s.held[slot]++
	return true
}

// insert adds a subject that is not known.
func (s *sample) insert(hash uint64, slot uint8) {
	if (s.kept+1)*4 > len(s.hashes)*3 {
		s.grow()
	}
	if !passes(hash, s.levels[slot]) {
		return // it would have had to go
	}
	place, _ := s.find(hash)
	s.hashes[place], s.at[place] = hash, slot
	s.kept++
	s.held[slot]++
	s.count += 1 << s.levels[slot]
}

// free takes the hash at a place out; those behind it that it had pushed on
// move up.
func (s *sample) free(place int) {
	s.kept--
	mask := len(s.hashes) - 1
	for next := (place + 1) & mask; s.hashes[next] != 0; next = (next + 1) & mask {
		home := int(s.hashes[next]) & mask
		if (next-home)&mask >= (next-place)&mask {
			s.hashes[place], s.at[place] = s.hashes[next], s.at[next]
			place = next
		}
	}
	s.hashes[place] = 0
}

// grow makes room: by doubling, and when that is not possible by asking for
// more zeros where the fewest are asked for.
func (s *sample) grow() {
	if len(s.hashes) < maxRoom {
		s.rebuild(max(2*len(s.hashes), minRoom), func(uint64, uint8) bool { return true })
		return
	}
	for s.kept+1 > maxKept/4*3 && s.raiseLowest() {
		s.rebuild(maxRoom, func(hash uint64, slot uint8) bool { return passes(hash, s.levels[slot]) })
	}
}

// lowest is the least level of the slots that know anybody, and of one more.
func (s *sample) lowest(slot uint8) uint8 {
	least := s.levels[slot]
	for i, n := range s.held {
		if n > 0 {
			least = min(least, s.levels[i])
		}
	}
	return least
}

// raiseLowest asks for one more zero in the slots that ask for the fewest and
// hold anything.
func (s *sample) raiseLowest() bool {
	lowest := uint8(maxLevel)
	for slot, n := range s.held {
		if n > 0 {
			lowest = min(lowest, s.levels[slot])
		}
	}
	if lowest == maxLevel {
		return false
	}
	for slot := range s.levels {
		if s.held[slot] > 0 && s.levels[slot] == lowest {
			s.levels[slot]++
		}
	}
	return true
}

// rebuild moves what is to stay into a table of a size, and counts again.
func (s *sample) rebuild(size int, stays func(hash uint64, slot uint8) bool) {
	hashes, at := s.hashes, s.at
	s.hashes, s.at, s.kept = make([]uint64, size), make([]uint8, size), 0
	for place, hash := range hashes {
		if hash == 0 || !stays(hash, at[place]) {
			continue
		}
		to, _ := s.find(hash)
		s.hashes[to], s.at[to] = hash, at[place]
		s.kept++
	}
	s.recount()
}

func (s *sample) recount() {
	s.count, s.held = 0, [slots]int{}
	for place, hash := range s.hashes {
		if hash != 0 {
			s.held[s.at[place]]++
			s.count += 1 << s.levels[s.at[place]]
		}
	}
}

// raise brings a slot to a level, if it is not there yet.
func (s *sample) raise(slot, level uint8) {
	if level = min(level, maxLevel); s.levels[slot] >= level {
		return
	}
	s.levels[slot] = level
	if s.kept > 0 {
		s.rebuild(len(s.hashes), func(hash uint64, at uint8) bool { return passes(hash, s.levels[at]) })
	}
}

// clear empties the slots that are over.
func (s *sample) clear(over func(slot uint8) bool) {
	for slot := range s.levels {
		if over(uint8(slot)) {
			s.levels[slot] = 0
		}
	}
	if s.kept == 0 {
		return
	}
	left := 0
	for place, hash := range s.hashes {
		if hash != 0 && !over(s.at[place]) {
			left++
		}
	}
	switch left {
	case s.kept:
	case 0:
		*s = sample{levels: s.levels}
	default:
		size := minRoom
		for left*4 > size*2 && size < maxRoom {
			size *= 2
		}
		s.rebuild(size, func(_ uint64, slot uint8) bool { return !over(slot) })
	}
}

// ages is how many sightings each slot has, weighed.
func (s *sample) ages() (counts [slots]int64) {
	for place, hash := range s.hashes {
		if hash != 0 {
			counts[s.at[place]] += 1 << s.levels[s.at[place]]
		}
	}
	return counts
}
