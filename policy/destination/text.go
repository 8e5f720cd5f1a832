package destination

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText prints a report for people: the verdict, what to repair, who gets
// in how, and what is known of the place.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s", r.Sentence())
	p.line("judged %s", r.JudgedAt.Format(time.RFC3339))
	if len(r.Deficits) > 0 {
		p.head("To repair")
	}
	for i, d := range r.Deficits {
		p.deficit(i+1, d)
	}
	p.ways(r.Ways)
	p.outside(r.Measurement.Outside)
	p.inside(r.Measurement.Inside, r.Measurement.InsideProblem)
	if len(r.Attestations) > 0 {
		p.head("Attested")
	}
	for _, a := range r.Attestations {
		p.line("  %s by %s (key %s), until %s", a.Type, Clean(a.By), a.Signer(), a.NotAfter.Format(time.DateOnly))
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", values...)
	}
}

func (p *printer) head(title string) { p.line("\n%s", title) }

func (p *printer) deficit(n int, d Deficit) {
	word := d.Severity.String()
	if d.Unknown {
		word = "unknown"
	}
	p.line("%3d. [%s] %s", n, word, d.Sentence)
	if d.Evidence != "" && !d.Unknown {
		p.line("     seen: %s", d.Evidence)
	}
	p.line("     do:   %s", d.Fix)
	var ids []string
	if len(d.CIS) > 0 {
		ids = append(ids, "CIS "+strings.Join(d.CIS, ", "))
	}
	ids = append(ids, d.STIG...)
	if len(ids) > 0 {
		p.line("     refs: %s", strings.Join(ids, ", "))
	}
}

func (p *printer) ways(ways []Entry) {
	if len(ways) == 0 {
		return
	}
	p.head("Who gets in, by the weakest way")
	for _, e := range ways {
		name := `"` + Clean(e.Role) + `"`
		if e.Role == "" {
			name = "a name that does not exist"
		}
		p.line("  %-28s %s", name, e.words())
	}
}

// words say in short how somebody gets in.
func (e *Entry) words() string {
	why := ""
	if len(e.Unknown) > 0 {
		why = e.Unknown[0]
	}
	switch {
	case e.Authentication == Rejected && !e.Known:
		return "not known: " + why
	case e.Authentication == Rejected:
		return "is not let in"
	case !e.Known && e.Strength > StrengthTrust:
		return fmt.Sprintf("%s, %s; perhaps weaker: %s", e.Authentication, e.Transport, why)
	}
	return fmt.Sprintf("%s, %s", e.Authentication, e.Transport)
}

func (p *printer) outside(list []*Outside) {
	for _, o := range list {
		p.head(fmt.Sprintf("From outside, %s at %s", Clean(o.Address), o.MeasuredAt.UTC().Format(time.RFC3339)))
		p.line("  %d knocks as sluice-probe/%s, reachable: %t", len(o.Knocks), Clean(o.ID), o.Reachable)
		tls := "none"
		if !o.Reachable || o.TLS.Unclear {
			tls = "not known"
		}
		if o.TLS.Offered || o.TLS.Direct {
			tls = "versions " + strings.Join(o.TLS.Versions, " ")
			if o.TLS.Direct {
				tls += ", also from the first byte"
			}
			if o.TLS.Verified {
				tls += ", certificate verified"
			} else {
				tls += ", certificate not verified: " + Clean(o.TLS.Reason)
			}
		}
		p.line("  TLS: %s", tls)
		for _, c := range o.TLS.Certificates {
			p.line("  key %s (%s %d, %s), until %s", c.Key, c.KeyType, c.KeyBits, Clean(c.Signature), c.NotAfter.UTC().Format(time.DateOnly))
		}
		if len(o.Closed) > 0 {
			p.line("  nothing answers to: %s", strings.Join(o.Closed, ", "))
		}
		for _, text := range o.Problems {
			p.line("  not measured: %s", Clean(text))
		}
	}
}

func (p *printer) inside(f *Facts, problem string) {
	if f == nil {
		p.head("From inside")
		p.line("  not asked: %s", Clean(problem))
		return
	}
	v := f.Vantage
	p.head(fmt.Sprintf("From inside, as %q in %q at %s", Clean(v.Role), Clean(v.Database), f.MeasuredAt.UTC().Format(time.RFC3339)))
	version := "not known"
	if f.Version.Known {
		version = versionText(f.Version.Value)
	}
	p.line("  PostgreSQL %s, system identifier %s, digest of the facts %s", version, factText(f.SystemIdentifier), f.Digest())
	for _, c := range []struct {
		what string
		text string
	}{
		{"roles", count(f.Roles)}, {"rules of pg_hba.conf", rulesText(f)}, {"kinds of passwords", count(f.Verifiers)},
		{"default rights", count(f.DefaultACLs)}, {"extensions", count(f.Extensions)}, {"untrusted languages", count(f.Languages)},
		{"event triggers", count(f.EventTriggers)}, {"foreign servers", count(f.ForeignServers)}, {"publications", count(f.Publications)},
		{"subscriptions", count(f.Subscriptions)}, {"replication slots", count(f.Slots)}, {"streaming now", count(f.Walsenders)},
	} {
		p.line("  %-22s %s", c.what, c.text)
	}
}

func factText(f Fact[string]) string {
	if !f.Known {
		return "not known (" + Clean(f.Evidence) + ")"
	}
	return Clean(f.Value)
}

func count[T any](f Fact[[]T]) string {
	if !f.Known {
		return "not known: " + Clean(f.Evidence)
	}
	return fmt.Sprint(len(f.Value))
}

func rulesText(f *Facts) string {
	if !f.HBA.Known {
		return "not known: " + Clean(f.HBA.Evidence)
	}
	if why := f.HBA.Value.notLoaded(); why != "" {
		return "not those of the server: " + why
	}
	return fmt.Sprint(len(f.HBA.Value.Rules))
}
