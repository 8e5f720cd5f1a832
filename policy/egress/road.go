package egress

import (
	"fmt"
	"slices"
	"strings"
)

// Exit is what a road takes out.
type Exit string

// The exits.
const (
	ToClient   Exit = "client"
	Words      Exit = "words"
	DataError  Exit = "error"
	Elsewhere  Exit = "elsewhere"
	Protection Exit = "protection"
)

// Road is one way out. Its texts have names in braces that Fill replaces.
type Road struct {
	// ID is unique: lower-case words with dashes.
	ID string
	// What says in words what travels.
	What string
	// Section is the number and title of its family.
	Section string
	Leaves  Exit
	// From and Below are the major versions of the first server that has it and
	// of the first that has it no more; 0 for no bound.
	From, Below int
	Needs       []Need
	// Always says why the proxy refuses it whatever the policy says; empty if
	// the policy is asked.
	Always string
	// Passes says why it may pass; empty if it should not.
	Passes string
	// Startup are start-up parameters, as NAME=VALUE, the value in quotes if it
	// has spaces.
	Startup []string
	Steps   []Step
	Suite   Suite
}

// Step is one message of the client.
type Step struct {
	// SQL is true for the text of a Query message; else Text is a message in the
	// words of the wire scripts (package proxytest).
	SQL  bool
	Text string
}

// Suite is what a test does around a road, beside it and as a superuser.
type Suite struct {
	Stage, Undo []string
	// See is a question whose answer holds what left, asked in the same database
	// or in the one named elsewhere.
	See          string
	SeeElsewhere bool
	// Notified is true if a listening session is told what left.
	Notified bool
	// Gone is a question that is answered t when the protection is gone.
	Gone string
	// Shows is what the client reads when the road works.
	Shows string
}

// On reports whether servers of a major version have the road.
func (r *Road) On(version int) bool {
	return version >= r.From && (r.Below == 0 || version < r.Below)
}

// Names are the names to fill in, each once, in the order in which they come.
func (r *Road) Names() []string {
	var names []string
	for _, text := range r.texts() {
		for _, name := range namesIn(text) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// texts are what is sent and asked for; what only a suite does is no part of it.
func (r *Road) texts() []string {
	var texts []string
	for _, n := range r.Needs {
		texts = append(texts, n.Of)
	}
	texts = append(texts, r.Startup...)
	for _, s := range r.Steps {
		texts = append(texts, s.Text)
	}
	return texts
}

// Names is what the words in braces mean.
type Names map[string]string

// Fill puts names into a text. The error names one that has no meaning.
func (n Names) Fill(text string) (string, error) {
	var out strings.Builder
	for {
		before, name, after, found := cutName(text)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		value, known := n[name]
		if !known {
			return "", fmt.Errorf("nothing is known for {%s}", name)
		}
		out.WriteString(value)
		text = after
	}
}

// namesIn lists the names of a text.
func namesIn(text string) []string {
	var names []string
	for {
		_, name, after, found := cutName(text)
		if !found {
			return names
		}
		names, text = append(names, name), after
	}
}

// cutName splits a text at its first name in braces, which is of lower-case
// letters alone: other braces are SQL.
func cutName(text string) (before, name, after string, found bool) {
	for at := 0; ; {
		open := strings.IndexByte(text[at:], '{')
		if open < 0 {
			return text, "", "", false
		}
		open += at
		end := open + 1
		for end < len(text) && text[end] >= 'a' && text[end] <= 'z' {
			end++
		}
		if end > open+1 && end < len(text) && text[end] == '}' {
			return text[:open], text[open+1 : end], text[end+1:], true
		}
		at = open + 1
	}
}
