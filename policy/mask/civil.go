package mask

// The calendar of dates in PostgreSQL: Gregorian, also before it was made. Year
// 0 is 1 BC. Days count from 1 January 2000 (utils/adt/datetime.c).

// era is how many days 400 years have: the calendar repeats after them.
const (
	era      = 146097
	eraYears = 400
	// fromMarch is the day 1 March 2000, with which an era begins here: then
	// the leap day is the last of its year.
	fromMarch = 60
)

// daysOf is the number of a day.
func daysOf(year, month, day int64) int64 {
	year -= 2000
	if month <= 2 {
		year--
	}
	n, rest := floorDivide(year, eraYears)
	ofYear := (153*((month+9)%12)+2)/5 + day - 1
	return n*era + rest*365 + rest/4 - rest/100 + ofYear + fromMarch
}

// civilOf is the date of a day.
func civilOf(days int64) (year, month, day int64) {
	n, rest := floorDivide(days-fromMarch, era)
	year = (rest - rest/1460 + rest/36524 - rest/146096) / 365
	ofYear := rest - (365*year + year/4 - year/100)
	m := (5*ofYear + 2) / 153
	day = ofYear - (153*m+2)/5 + 1
	month = (m+2)%12 + 1
	if month <= 2 {
		year++
	}
	return year + n*eraYears + 2000, month, day
}

// floorDivide divides so that the rest is not below zero.
func floorDivide(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		return quotient - 1, rest + b
	}
	return quotient, rest
}
