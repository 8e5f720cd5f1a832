package destination

import (
	"cmp"
	"slices"
	"strings"
)

// Severity is how bad a deficit is.
type Severity int

// The severities, the worst last.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

var severityWords = map[Severity]string{Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// String is the severity's word.
func (s Severity) String() string { return severityWords[s] }

// MarshalText makes the word its JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Deficit is one thing by which a place stays below a floor.
type Deficit struct {
	// Code is stable and for programs.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Unknown is true if the fact is not known, as opposed to known and bad.
	Unknown bool `json:"unknown,omitempty"`
	// Sentence says what was found; Fix what to do about it.
	Sentence string `json:"sentence"`
	Fix      string `json:"fix"`
	// Evidence is the measured fact.
	Evidence string `json:"evidence,omitempty"`
	// CIS are sections of the CIS PostgreSQL benchmark in the numbering of its
	// editions for 16 and 17; STIG are rules of DISA's Crunchy Data PostgreSQL
	// STIG, which begin with CD12-00-.
	CIS  []string `json:"cis,omitempty"`
	STIG []string `json:"stig,omitempty"`
}

// The codes of deficits.
const (
	CodeFloor              = "floor-not-understood"
	CodeNotMeasured        = "not-measured"
	CodeStale              = "stale"
	CodeNoTLS              = "no-tls"
	CodePlaintext          = "plaintext-accepted"
	CodeCertificate        = "certificate-not-verified"
	CodeCertificateEnds    = "certificate-ends"
	CodeWrongKey           = "wrong-key"
	CodeWeakKey            = "weak-key"
	CodeOldTLS             = "old-tls"
	CodeInsidePlain        = "asked-without-tls"
	CodeWrongSystem        = "wrong-system"
	CodeClone              = "physical-clone"
	CodeNoCredential       = "no-credential"
	CodeWeakAuthentication = "weak-authentication"
	CodeLocalTrust         = "local-without-credential"
	CodePasswordIsName     = "password-is-name"
	CodeWeakVerifier       = "weak-verifier"
	CodePasswordEncryption = "password-encryption"
	CodeIdentMap           = "wide-ident-map"
	CodeReplication        = "replication-open"
	CodePublicRights       = "public-rights"
	CodeDefaultRights      = "default-rights"
	CodeUnmapped           = "unmapped-role"
	CodePrivileged         = "privileged-role"
	CodeFileFunctions      = "file-functions"
	CodeSoftFilter         = "soft-row-filter"
	CodeOldVersion         = "old-version"
	CodeLogsValues         = "logs-values"
	CodeNoAudit            = "no-audit"
	CodeOnward             = "onward-copy"
	CodeCode               = "unknown-code"
	CodeAtRest             = "at-rest"
	CodeFileErrors         = "configuration-not-loaded"
)

// benchmark are the items of benchmarks that a deficit corresponds to.
type benchmark struct{ cis, stig string }

// benchmarks maps codes to identifiers, separated by blanks.
var benchmarks = map[string]benchmark{
	CodeNoTLS:              {"6.8 6.10", "003000 007200 011400"},
	CodePlaintext:          {"6.8", "000800 003000 011400"},
	CodeCertificate:        {"6.8", "007000 010300"},
	CodeCertificateEnds:    {"6.8", "007000"},
	CodeWrongKey:           {"6.8", "007000 007200"},
	CodeWeakKey:            {"6.8", "007000"},
	CodeOldTLS:             {"6.8 6.10", "011400"},
	CodeInsidePlain:        {"6.8", "003000"},
	CodeWrongSystem:        {"", "007200"},
	CodeNoCredential:       {"5.4", "009500 011500"},
	CodeWeakAuthentication: {"5.4", "000800 009500 011500"},
	CodeLocalTrust:         {"5.3", "009500 011500"},
	CodePasswordIsName:     {"5.6", "009500"},
	CodeWeakVerifier:       {"5.6", "009500"},
	CodePasswordEncryption: {"5.6", "009500"},
	CodeIdentMap:           {"5.4", "011500"},
	CodeReplication:        {"7.1", ""},
	CodePublicRights:       {"4.10", "000900 002200"},
	CodeDefaultRights:      {"4.6", "000900 002200"},
	CodeUnmapped:           {"4.6", "000900 011500"},
	CodePrivileged:         {"4.3 4.9", "004000 009600 011700"},
	CodeFileFunctions:      {"4.5", "003600 009100"},
	CodeSoftFilter:         {"4.7", "001700"},
	CodeOldVersion:         {"1.5", "000300 012900"},
	CodeLogsValues:         {"3.1.6", "000400 002300 004200"},
	CodeNoAudit:            {"3.1.20 3.2", ""},
	CodeOnward:             {"7.1 7.2", ""},
	CodeCode:               {"4.5", "003600 008400 008900"},
	CodeAtRest:             {"", "008300 008700 010500"},
}

// deficits collects deficits.
type deficits struct{ list []Deficit }

// add records a deficit that was measured.
func (d *deficits) add(code string, s Severity, sentence, fix, evidence string) {
	b := benchmarks[code]
	stig := strings.Fields(b.stig)
	for i := range stig {
		stig[i] = "CD12-00-" + stig[i]
	}
	d.list = append(d.list, Deficit{
		Code: code, Severity: s, Sentence: sentence, Fix: fix, Evidence: evidence,
		CIS: strings.Fields(b.cis), STIG: stig,
	})
}

// unknown records that what a floor demands is not known.
func (d *deficits) unknown(code, what, why, fix string) {
	d.add(code, High, what+" is not known: "+strings.TrimSuffix(why, ".")+".", fix, why)
	d.list[len(d.list)-1].Unknown = true
}

// sorted are the deficits, the worst first and known ones before unknown ones.
func (d *deficits) sorted() []Deficit {
	slices.SortStableFunc(d.list, func(a, b Deficit) int {
		known := func(x Deficit) int {
			if x.Unknown {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(known(a), known(b)))
	})
	return d.list
}

const (
	fixSetup = "Have the server's DBA run what `sluice destination setup NAME --print` prints, in the database that holds copies."
	fixReach = "Make sure that the server can be reached from here, and measure again."
)
