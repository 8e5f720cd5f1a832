package policy

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// pinnedSetting is a setting that statements may not change, as far as
// people ask why.
type pinnedSetting struct {
	value  string // empty if no SET is accepted, whatever to
	why    string
	advice string
}

const (
	readsDifferently = "with another value the server would read a text differently from how it was judged"
	actsAsOther      = "it decides whose rights a statement has, and those are the rights of the role that Sluice gave"
)

var pinnedSettings = map[string]pinnedSetting{
	"client_encoding":             {"UTF8", readsDifferently, "For files in another encoding, convert them with iconv before loading or after saving."},
	"standard_conforming_strings": {"on", readsDifferently, "For backslash escapes write E'...'."},
	"backslash_quote":             {"safe_encoding", readsDifferently, "For a quote inside a text write it twice: ''."},
	"role":                        {"", actsAsOther, "RESET ROLE is accepted, and so is SET ROLE NONE: both go back to the role that Sluice gave. For other rights ask for another login."},
	"session_authorization":       {"", actsAsOther, "RESET SESSION AUTHORIZATION is accepted, as a statement of its own. For other rights ask for another login."},
}

// nodeHints say what to do instead of one sort of statement.
var nodeHints = map[string]string{
	"DoStmt":                 "Write the block's statements one by one, or ask the owner of the policy for a rule that allows opaque_code.",
	"CallStmt":               "Run the procedure's statements themselves, or have a rule allow opaque_code with this procedure in its functions.",
	"CreateFunctionStmt":     "Functions hold code that is not judged when it runs; have a rule allow opaque_code for the people who deploy them.",
	"CreateTrigStmt":         "Triggers run code that no later statement shows; have a rule allow opaque_code for the people who deploy them.",
	"CreateExtensionStmt":    "Ask the owner of the policy; they allow weaken_protection for the people who install extensions.",
	"GrantStmt":              "Ask the owner of the policy for a rule that allows weaken_protection on this relation, for one person and for as long as needed.",
	"GrantRoleStmt":          "Ask the owner of the database to give the role; a login through Sluice is short-lived and keeps no rights.",
	"AlterRoleStmt":          "Logins are issued by Sluice; change roles over an administrator's own connection.",
	"CreateSubscriptionStmt": "Replication would feed the other server from now on; copy what is needed once, to a destination the policy names.",
	"CreatePublicationStmt":  "A publication feeds other servers from now on; copy what is needed once, to a destination the policy names.",
	"ExecuteStmt":            "Prepare the statement in this session first, so that what it runs can be judged.",
	"FetchStmt":              "Declare the cursor in this session first, so that what it reads can be judged.",
	"FunctionCall":           "Have a rule allow this kind with the function in its functions, such as pg_catalog.lo_get.",
}

// kindHints say what to do instead of a kind of effect.
var kindHints = map[statement.Kind]string{
	statement.Replication:        "Copy what is needed once, to a destination the policy names; a continuous feed needs a rule that allows replication.",
	statement.ExportToProgram:    `A program would run on the database server. Let the rows come to you, psql: \copy (SELECT ... WHERE ... LIMIT ...) TO PROGRAM '...', if a rule allows export_to_client.`,
	statement.ExportRemote:       "Data goes to another server only if the policy names it under destinations, it was measured without a finding, and a rule allows export_remote.",
	statement.ExportToServerFile: `The file would be on the database server, where nobody keeps track of it. Select the rows you need with WHERE and LIMIT, or ask for a rule that allows export_to_client and use \copy.`,
	statement.ServerRead:         `The file would be read on the database server. To load your own file use psql: \copy table FROM 'file'.`,
	statement.ExportToClient:     "Select the rows you need with WHERE and LIMIT, or ask the owner of the policy for a rule that allows export_to_client on this relation.",
	statement.WeakenProtection:   "Ask the owner of the policy; a rule that allows weaken_protection can name the person and the relation.",
	statement.OpaqueCode:         "What this code does cannot be told from the text. Write the statements themselves, or have a rule allow opaque_code for it.",
	statement.InternalCopy:       "A copy inside the server needs its own protection. Use a query or a view instead, or ask for a rule that allows internal_copy on these relations.",
}

// functionHints say what to do instead of calling a function that has an
// effect of a kind.
var functionHints = map[statement.Kind]string{
	statement.OpaqueCode:     "This function is not among those known to be harmless. Have a rule allow opaque_code with it in its functions, and call it with its schema.",
	statement.ExportToClient: "Select the rows you need with WHERE and LIMIT, or have a rule allow export_to_client with this function in its functions, and call it with its schema.",
}

const programFromHint = `A program would run on the database server. Run it where you are, psql: \copy table FROM PROGRAM '...'.`

// hint says what to do instead of an effect.
func hint(st *statement.Statement, effect statement.Effect) string {
	if st.Node != "FunctionCall" && strings.HasPrefix(effect.What, functionEffect) {
		if words, ok := functionHints[effect.Kind]; ok {
			return words
		}
	}
	if effect.Kind == statement.ExportToProgram && strings.HasPrefix(effect.What, "COPY FROM") {
		return programFromHint
	}
	if words, ok := nodeHints[st.Node]; ok && !everyday.has(effect.Kind) {
		return words
	}
	if words, ok := kindHints[effect.Kind]; ok {
		return words
	}
	return "Ask the owner of the policy."
}
