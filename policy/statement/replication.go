package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// ReplicationCommand is a command of the streaming replication protocol (manual,
// "Streaming Replication Protocol"), which is no SQL: a replication connection
// takes both.
type ReplicationCommand struct {
	// Command is its first word, such as START_REPLICATION; CONNECT stands
	// for the connection itself.
	Command string `json:"command"`
	// Physical is true for what carries the whole server.
	Physical bool `json:"physical,omitempty"`
	// Slot is the slot named.
	Slot string `json:"slot,omitempty"`
	// Plugin is the output plugin of a slot to be made.
	Plugin string `json:"plugin,omitempty"`
	// Publications are those asked for, in the order of the text.
	Publications []string `json:"publications,omitempty"`
	// Messages is true if messages that belong to no publication are asked
	// for as well.
	Messages bool `json:"messages,omitempty"`
	// Options are the names of the options for the plugin.
	Options []string `json:"options,omitempty"`
}

// The commands that a policy can allow, and the connection.
const (
	ReplicationConnect  = "CONNECT"
	ReplicationIdentify = "IDENTIFY_SYSTEM"
	ReplicationCreate   = "CREATE_REPLICATION_SLOT"
	ReplicationDrop     = "DROP_REPLICATION_SLOT"
	ReplicationStart    = "START_REPLICATION"
)

// physicalCommands are those that no policy allows, with what is known of them:
// they are not read beyond their first word.
var physicalCommands = []string{"BASE_BACKUP", "TIMELINE_HISTORY", "UPLOAD_MANIFEST", "READ_REPLICATION_SLOT", "ALTER_REPLICATION_SLOT"}

// replicationNode is the node of every replication command.
const replicationNode = "ReplicationCommand"

// mostReplication is the length of the longest replication command that is
// read, in bytes.
const mostReplication = 64 << 10

// AnalyzeReplication reads a text of a replication connection. It is false if
// the text is SQL. The server goes by the first word, which has to be in upper
// case. What does not follow the grammar to the letter is refused.
//
// SHOW is left to be read as SQL: it means the same.
func AnalyzeReplication(text string) (*Analysis, bool) {
	l := replicationLexer{text: text}
	first := l.next()
	known := []string{ReplicationIdentify, ReplicationCreate, ReplicationDrop, ReplicationStart}
	if first.kind != replicationWord || !slices.Contains(known, first.text) && !slices.Contains(physicalCommands, first.text) {
		return nil, false
	}
	a := &Analysis{Kind: Replication}
	p := replicationParser{lexer: &l, command: ReplicationCommand{Command: first.text}}
	if len(text) > mostReplication || !utf8.ValidString(text) || !p.read() {
		return refused(&Problem{
			SQLSTATE: "42601", Message: "a replication command of a form that is not known", Position: -1,
			Hint: "Sluice knows the commands as the manual has them, with a slot and what is logical; see \"Streaming Replication Protocol\".",
		}), true
	}
	whole := l.shape.String()
	sum := sha256.Sum256([]byte(whole))
	a.Shape, a.ShapeDigest = whole, hex.EncodeToString(sum[:])
	if len(whole) > maxShape {
		a.Shape = whole[:wholeRunes(whole, maxShape)]
	}
	a.Statements = []Statement{{
		Kind: Replication, Node: replicationNode, Replication: &p.command, Start: 0, End: len(whole), LiteralsMatter: true,
		Effects: []Effect{{Kind: Replication, What: first.text, Position: 0}},
	}}
	return a, true
}

// ConnectForReplication stands for the beginning of a replication connection to
// a database.
func ConnectForReplication() Statement {
	return Statement{
		Kind: Replication, Node: replicationNode, Replication: &ReplicationCommand{Command: ReplicationConnect},
		Effects: []Effect{{Kind: Replication, What: "a replication connection", Position: -1}}, Start: -1, End: -1,
	}
}

type replicationParser struct {
	lexer   *replicationLexer
	command ReplicationCommand
	token   replicationToken
}

func (p *replicationParser) advance() { p.token = p.lexer.next() }

// read reads what follows the first word.
func (p *replicationParser) read() bool {
	c := &p.command
	if slices.Contains(physicalCommands, c.Command) {
		c.Physical = true
		return true
	}
	p.advance()
	ok := true
	switch c.Command {
	case ReplicationCreate:
		ok = p.create()
	case ReplicationDrop:
		ok = p.name(&c.Slot)
		p.word("WAIT")
	case ReplicationStart:
		ok = p.start()
	}
	if ok && c.Physical {
		return true // not read on
	}
	p.sign(';')
	return ok && p.token.kind == replicationEnd
}

// word takes a keyword.
func (p *replicationParser) word(word string) bool {
	is := p.token.kind == replicationWord && p.token.text == word
	if is {
		p.advance()
	}
	return is
}

func (p *replicationParser) sign(sign byte) bool {
	is := p.token.kind == replicationSign && p.token.text[0] == sign
	if is {
		p.advance()
	}
	return is
}

// name takes an identifier. A keyword is none unless it is quoted.
func (p *replicationParser) name(into *string) bool {
	switch {
	case p.token.kind == replicationQuoted && p.token.text != "":
		*into = p.token.text
	case p.token.kind == replicationWord && !replicationKeywords[p.token.text]:
		*into = strings.ToLower(p.token.text)
	default:
		return false
	}
	p.advance()
	return len(*into) < nameLength
}

// create reads: slot [TEMPORARY] LOGICAL plugin [options].
func (p *replicationParser) create() bool {
	if !p.name(&p.command.Slot) {
		return false
	}
	p.word("TEMPORARY")
	if p.word("PHYSICAL") {
		p.command.Physical = true
		return true
	}
	if !p.word("LOGICAL") || !p.name(&p.command.Plugin) {
		return false
	}
	if p.sign('(') {
		return p.createOptions()
	}
	for p.word("EXPORT_SNAPSHOT") || p.word("NOEXPORT_SNAPSHOT") || p.word("USE_SNAPSHOT") || p.word("TWO_PHASE") {
	}
	return true
}

// createOptions reads the options in parentheses, of 15 and later: SNAPSHOT
// 'what', TWO_PHASE and FAILOVER with or without a value.
func (p *replicationParser) createOptions() bool {
	for {
		name := p.token.text
		if p.token.kind != replicationWord || !slices.Contains([]string{"SNAPSHOT", "TWO_PHASE", "FAILOVER"}, strings.ToUpper(name)) {
			return false
		}
		p.advance()
		if p.token.kind == replicationString || p.token.kind == replicationWord {
			p.advance()
		}
		if p.sign(')') {
			return true
		}
		if !p.sign(',') {
			return false
		}
	}
}

// start reads: SLOT slot LOGICAL lsn [(option 'value', ...)]. All else is
// physical.
func (p *replicationParser) start() bool {
	if !p.word("SLOT") {
		p.command.Physical = true
		return true
	}
	if !p.name(&p.command.Slot) {
		return false
	}
	if !p.word("LOGICAL") {
		p.command.Physical = true
		return true
	}
	if p.token.kind != replicationLSN {
		return false
	}
	p.advance()
	if !p.sign('(') {
		return true
	}
	for {
		if !p.pluginOption() {
			return false
		}
		if p.sign(')') {
			return true
		}
		if !p.sign(',') {
			return false
		}
	}
}

// pluginOption reads an option for the plugin: a name, and a value as a string.
// An option that is given twice could be read in two ways.
func (p *replicationParser) pluginOption() bool {
	var name string
	if !p.name(&name) || slices.Contains(p.command.Options, name) {
		return false
	}
	p.command.Options = append(p.command.Options, name)
	value, given := p.token.text, p.token.kind == replicationString
	if given {
		p.advance()
	}
	switch name {
	case "publication_names":
		var ok bool
		p.command.Publications, ok = publicationNames(value)
		return given && ok
	case "messages":
		p.command.Messages = !given || !isOff(value)
	}
	return true
}

// publicationNames splits a list of identifiers as the server does
// (SplitIdentifierString): parted by commas, with white space around them,
// folded to lower case unless they are in double quotes.
func publicationNames(list string) (names []string, ok bool) {
	l := replicationLexer{text: list}
	for {
		t := l.next()
		switch {
		case t.kind == replicationQuoted && t.text != "":
			names = append(names, t.text)
		case t.kind == replicationWord:
			names = append(names, strings.ToLower(t.text))
		default:
			return nil, false
		}
		if len(names[len(names)-1]) >= nameLength {
			return nil, false
		}
		switch t := l.next(); {
		case t.kind == replicationEnd:
			return names, true
		case t.kind != replicationSign || t.text != ",":
			return nil, false
		}
	}
}

// nameLength is that of a name with its NUL, in bytes (NAMEDATALEN): the server
// cuts longer ones, or refuses them.
const nameLength = 64
