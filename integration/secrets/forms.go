package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// form is a way in which a secret can be written so that it can be read again.
type form struct {
	name string
	text string
}

// formsOf are all that are looked for; no text twice.
func formsOf(secret string) []form {
	var all []form
	seen := map[string]bool{}
	for _, f := range slicesOf(
		[]form{{"plain", secret}},
		base64Forms(secret), hexForms(secret), percentForms(secret), escapedForms(secret), numberForms(secret),
	) {
		if !seen[f.text] {
			seen[f.text] = true
			all = append(all, f)
		}
	}
	return all
}

func slicesOf(lists ...[]form) (all []form) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// base64Forms are what a secret is in the base64 of a longer text: one for each
// place in a group of three bytes at which it can begin, without the characters
// that depend on its neighbours too. Padding makes no difference.
func base64Forms(secret string) (all []form) {
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			from, to := (before*8+5)/6, (before+len(secret))*8/6
			all = append(all, form{fmt.Sprintf("%s, %d bytes after a boundary", name, before), text[from:to]})
		}
	}
	return all
}

func hexForms(secret string) []form {
	lower := hex.EncodeToString([]byte(secret))
	return []form{{"hex", lower}, {"hex", strings.ToUpper(lower)}}
}

func percentForms(secret string) []form {
	lower, upper := "", ""
	for _, b := range []byte(secret) {
		lower += fmt.Sprintf("%%%02x", b)
		upper += fmt.Sprintf("%%%02X", b)
	}
	user := strings.TrimPrefix(url.UserPassword("", secret).String(), ":")
	query := url.QueryEscape(secret)
	all := []form{{"", lower}, {"", upper}, {"", user}, {"", query}, {"", url.PathEscape(secret)}, {"", strings.ReplaceAll(query, "+", "%20")}}
	for i := range all {
		all[i].name = "percent-encoded"
	}
	return all
}

// escapedForms are those within quotes: of JSON, also within JSON, of Go, of SQL
// and of connection strings.
func escapedForms(secret string) []form {
	once := inJSON(secret, true)
	escaped := strings.ReplaceAll(secret, `\`, `\\`)
	return []form{
		{"JSON", once}, {"JSON", inJSON(secret, false)}, {"JSON in JSON", inJSON(once, true)},
		{"JSON", within(strconv.QuoteToASCII(secret))}, {"quoted as Go does", within(strconv.Quote(secret))},
		{"quoted as SQL does", strings.ReplaceAll(secret, "'", "''")},
		{"quoted as in a connection string", strings.ReplaceAll(escaped, "'", `\'`)},
		{"quoted as in a passfile", strings.ReplaceAll(escaped, ":", `\:`)},
	}
}

func within(quoted string) string { return quoted[1 : len(quoted)-1] }

func inJSON(text string, html bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	if err := encoder.Encode(text); err != nil {
		return text // a string can always be encoded
	}
	return within(strings.TrimSuffix(b.String(), "\n"))
}

// numberForms are a list of bytes as Go prints it.
func numberForms(secret string) []form {
	decimal := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	syntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(secret)), "[]byte{"), "}")
	return []form{{"a list of numbers", decimal}, {"a list of numbers", syntax}, {"a list of numbers", strings.ReplaceAll(decimal, " ", ",")}}
}
