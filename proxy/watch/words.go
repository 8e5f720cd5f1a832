package watch

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sluice-pg/sluice/audit/ledger"
)

// maxWords is the longest sentence that is recorded, in bytes; the ledger takes
// twice as much.
const maxWords = 1000

// Clean makes a text of a server fit to be recorded and shown: one line, printable,
// bounded.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(text, "\n", " "), "?"))
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return text
}

// evidence is something that was seen, in words.
func evidence(at time.Time, how ledger.How, what string) ledger.Evidence {
	return ledger.Evidence{At: ledger.At(at), How: how, What: Clean(what)}
}

// bounded cuts a list to what one event holds.
func bounded[T any](list []T) []T {
	if len(list) > ledger.MaxList {
		return list[:ledger.MaxList]
	}
	return list
}

// oids writes OIDs as an array.
func oids(list []uint32) string {
	words := make([]string, len(list))
	for i, oid := range list {
		words[i] = strconv.FormatUint(uint64(oid), 10)
	}
	return "'{" + strings.Join(words, ",") + "}'::oid[]"
}

// few are the first of a list in words, and how many more there are.
func few(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, "; ")
	}
	return strings.Join(list[:most], "; ") + "; and " + strconv.Itoa(len(list)-most) + " more"
}
