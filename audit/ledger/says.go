package ledger

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// says is an event in words, for a timeline.
func says(b Body) string {
	switch b := b.(type) {
	case *Begun:
		return b.says()
	case *Published:
		return b.says()
	case *Failed:
		left := map[Left]string{LeftNothing: "nothing is left", LeftStaging: "rows are left in staging", LeftUnknown: "what is left is not known"}[b.Left]
		return fmt.Sprintf("failed at the %s, step %s: %s; %s", b.Side, b.Step, b.Problem, left)
	case *Renewed:
		return fmt.Sprintf("%s renewed it until %s (was %s): %s", b.By, minute(b.Expires.Time), minute(b.Was.Time), b.Why)
	case *Reminded:
		return fmt.Sprintf("%s told that it expires at %s", strings.Join(b.To, ", "), minute(b.Expires.Time))
	case *Expired:
		return fmt.Sprintf("its time ended at %s; it is to be removed", minute(b.Expires.Time))
	case *Removed:
		return byWhom(b.By) + " removed it: " + b.Why + seen(b.Verified)
	case *Lost:
		return "not at its place any more: " + strings.Join(b.Relations, ", ") + seen(b.Evidence)
	case *Drifted:
		return b.says()
	case *Recovered:
		return "protected as it must be again" + seen(b.Evidence)
	case *Frozen:
		return reaction("froze it", b.By, b.Why, b.Left, b.Verified)
	case *Thawed:
		return b.By + " let it be read again: " + b.Why + seen(b.Verified)
	case *Purged:
		return reaction("deleted its rows", b.By, b.Why, b.Left, b.Verified)
	case *Measured:
		return b.says()
	case *Changed:
		var parts []string
		for _, c := range b.Changes {
			parts = append(parts, fmt.Sprintf("%s is %s, was %s", c.What, orNothing(c.Is), orNothing(c.Was)))
		}
		return "changed" + by(b.By) + ": " + strings.Join(parts, "; ")
	}
	return b.EventType()
}

func (b *Begun) says() string {
	var from []string
	for _, r := range b.Origin.Relations {
		from = append(from, r.Schema+"."+r.Name)
	}
	text := fmt.Sprintf("%s began to copy %s of %s to %s", b.Person, some(from), b.Origin.Place, b.Destination.Place)
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	return text
}

func (b *Published) says() string {
	var rows, size int64
	for i := range b.Relations {
		rows, size = rows+b.Relations[i].Rows, size+b.Relations[i].Bytes
	}
	text := fmt.Sprintf("published: %s in %s, %s", counted(rows, "row"), counted(int64(len(b.Relations)), "relation"), counted(size, "byte"))
	if len(b.Warnings) > 0 {
		text += "; " + strings.Join(b.Warnings, "; ")
	}
	return text
}

func (b *Drifted) says() string {
	text := map[Severity]string{
		SeverityLatent: "nobody reads more yet", SeverityObject: "more can read it than may",
		SeverityServer: "its server protects it no longer", SeverityUnknown: "its protection could not be measured",
	}[b.Severity]
	if b.By != "" {
		text = "changed by " + b.By + ": " + text
	}
	if len(b.Deficits) > 0 {
		text += ": " + deficits(b.Deficits)
	}
	return text + seen(b.Evidence) + "; last good " + b.LastGood.UTC().Format(time.DateTime+"Z")
}

func (b *Measured) says() string {
	switch b.severity() {
	case SeverityServer:
		return "less well protected than it must be: " + deficits(b.Deficits)
	case SeverityUnknown:
		return "could not be measured: " + some(b.Unknown)
	}
	return "as it must be"
}

func deficits(list []Deficit) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, d.What)
	}
	return some(parts)
}

func reaction(did, who, why string, left []string, verified []Evidence) string {
	text := byWhom(who) + " " + did + ": " + why
	if len(left) > 0 {
		return text + "; NOT complete: " + some(left) + seen(verified)
	}
	return text + seen(verified)
}

// seen is what the evidence says.
func seen(list []Evidence) string {
	var parts []string
	for _, e := range list {
		parts = append(parts, fmt.Sprintf("%s (%s)", e.What, e.How))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; seen: " + some(parts)
}

// some lists a few texts and counts the others.
func some(list []string) string {
	const shown = 3
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

func byWhom(who string) string {
	if who == "" {
		return "Sluice"
	}
	return who
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

// bounded cuts a text at a character.
func bounded(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "..."
	s = s[:limit-len(mark)]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) {
		r, size := utf8.DecodeLastRuneInString(s)
		if r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + mark
}
