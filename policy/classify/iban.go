package classify

// ibanLengths are the countries with their lengths of an IBAN, from the
// registry of ISO 13616.
const ibanLengths = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// isIBAN: two letters of a country, two check digits, the country's length,
// and modulo 97 gives 1. Groups may be parted by single blanks.
func isIBAN(value []byte) bool {
	var v [34]byte
	n := 0
	for _, b := range value {
		switch {
		case b == ' ':
			continue
		case n == len(v) || !isAlnum(b):
			return false
		}
		v[n] = b
		n++
	}
	if n < 15 || !isLetter(v[0]) || !isLetter(v[1]) || !digit(v[2]) || !digit(v[3]) || n != ibanLength(v[0], v[1]) {
		return false
	}
	sum := 0
	for i := range n {
		b := v[(i+4)%n]
		if digit(b) {
			sum = (sum*10 + int(b-'0')) % 97
		} else {
			sum = (sum*100 + int(b-'A') + 10) % 97
		}
	}
	return sum == 1
}

// ibanLength is the length of a country's IBAN, 0 if it has none.
func ibanLength(a, b byte) int {
	for i := 0; i < len(ibanLengths); i += 5 {
		if ibanLengths[i] == a && ibanLengths[i+1] == b {
			return int(ibanLengths[i+2]-'0')*10 + int(ibanLengths[i+3]-'0')
		}
	}
	return 0
}
