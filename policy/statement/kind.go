package statement

import "fmt"

// Kind is the worst thing a statement does. The order is the order of
// harm: a lower value is worse, and the zero value is the worst of all, so
// that a forgotten assignment refuses.
type Kind uint8

// The kinds, worst first.
const (
	// ParseError: the parser refused the text or could not read it.
	ParseError Kind = iota
	// Replication: replication commands, slots, logical decoding,
	// publications and subscriptions.
	Replication
	// ExportToProgram: any server-side program, in either direction.
	ExportToProgram
	// ExportRemote: rows or reach to another server, URL or object store.
	ExportRemote
	// ExportToServerFile: files written by the server.
	ExportToServerFile
	// ServerRead: files, directories or raw pages read by the server.
	ServerRead
	// ExportToClient: a bulk stream, or a whole relation in one value, to
	// the client outside plain SELECT.
	ExportToClient
	// WeakenProtection: rights, row security, audit, settings, names,
	// credentials.
	WeakenProtection
	// OpaqueCode: code that cannot be judged from the text.
	OpaqueCode
	// InternalCopy: data duplicated inside the server.
	InternalCopy
	// DDL: other schema changes.
	DDL
	// OrdinaryWrite: INSERT, UPDATE, DELETE, MERGE, COPY FROM STDIN,
	// maintenance.
	OrdinaryWrite
	// OrdinaryRead: SELECT, cursors, SHOW, EXPLAIN, harmless SET,
	// transaction control.
	OrdinaryRead

	kindCount
)

var kindNames = [kindCount]string{
	ParseError:         "parse_error",
	Replication:        "replication",
	ExportToProgram:    "export_to_program",
	ExportRemote:       "export_remote",
	ExportToServerFile: "export_to_server_file",
	ServerRead:         "server_read",
	ExportToClient:     "export_to_client",
	WeakenProtection:   "weaken_protection",
	OpaqueCode:         "opaque_code",
	InternalCopy:       "internal_copy",
	DDL:                "ddl",
	OrdinaryWrite:      "ordinary_write",
	OrdinaryRead:       "ordinary_read",
}

// Kinds lists every kind, worst first.
func Kinds() []Kind {
	all := make([]Kind, kindCount)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the name used in policies, messages and the trail. A value
// that is no kind reads as parse_error, the careful answer.
func (k Kind) String() string {
	if k >= kindCount {
		return kindNames[ParseError]
	}
	return kindNames[k]
}

// Worse reports whether k does more harm than other.
func (k Kind) Worse(other Kind) bool { return k < other }

// Worst returns the more harmful of two kinds.
func Worst(a, b Kind) Kind { return min(a, b) }

// ParseKind is the inverse of String.
func ParseKind(name string) (Kind, error) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), nil
		}
	}
	return ParseError, fmt.Errorf("statement: %q is not a kind", name)
}

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(text []byte) error {
	parsed, err := ParseKind(string(text))
	*k = parsed
	return err
}
