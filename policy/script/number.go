package script

// numberLen is the length of a number with the name that wrongly follows it,
// which psql takes along: what comes after 1e in 1e'...' is no escape string.
func numberLen(s string) int {
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	n := 0
	digits := func() {
		for isDigit(at(n)) {
			n++
		}
	}
	digits()
	if at(n) == '.' && at(n+1) != '.' {
		n++
		digits()
	}
	if e := at(n); e == 'e' || e == 'E' {
		sign := at(n+1) == '+' || at(n+1) == '-'
		switch {
		case sign && !isDigit(at(n+2)):
			return n + 2 // what follows is no part of it
		case sign:
			n += 2
			digits()
		case isDigit(at(n + 1)):
			n++
			digits()
		}
	}
	return n + junkLen(s[n:])
}

func junkLen(s string) int {
	n := 0
	for n < len(s) && (n == 0 && isWordStart(s[n]) || n > 0 && isWordPart(s[n])) {
		n++
	}
	return n
}
