package policy

import "github.com/sluice-pg/sluice/policy/strictyaml"

// The types of this file are the YAML form of a policy. The JSON Schema is
// made from them: about describes a key to people, need marks a key that
// must be there, some a list that must not be empty, and form says which
// values are accepted (see formOf).

// document is a policy.
type document struct {
	strictyaml.Position
	Version      *int                        `yaml:"version" need:"true" form:"version" about:"The form of the document; 1 is the one that is known."`
	Defaults     defaultsEntry               `yaml:"defaults" about:"What holds where no rule says anything else."`
	Databases    map[string]databaseEntry    `yaml:"databases,nullable" about:"The databases there are, by the names in the proxy's configuration. With this section, a rule that names another one is a mistake."`
	Classes      map[string]classEntry       `yaml:"classes,nullable" form:"class" about:"Classes of columns, named family.name. Classes of the family secret are credentials and never leave."`
	Columns      []columnsEntry              `yaml:"columns,nullable" about:"Which columns are of which class."`
	Functions    functionsEntry              `yaml:"functions" about:"Functions whose bodies were read."`
	Masks        []maskEntry                 `yaml:"masks,nullable" about:"What becomes of values that rules let out masked, by class; the first entry for a class counts."`
	Destinations map[string]destinationEntry `yaml:"destinations,nullable" form:"identifier" about:"Places that data could go to. Naming one does not open it: it is measured when a statement wants to go there."`
	Clients      []clientEntry               `yaml:"clients,nullable" about:"Where people sit; the first that matches a session is its endpoint. With this section, a client is given no class that its endpoint does not accept."`
	Leases       []leaseEntry                `yaml:"leases,nullable" about:"Which credential sessions get where Vault issues them. The first that matches decides; whom none matches gets none."`
	Replication  []feedEntry                 `yaml:"replication,nullable" about:"Who may follow the changes of a database over a replication connection, by which slot and which publications. Without an entry for a session, replication connections are refused. Physical replication and base backups always are."`
	Budgets      []budgetEntry               `yaml:"budgets,nullable" about:"How much of a class a person may be given within a time, in all sessions together."`
	Subjects     map[string]strictyaml.Text  `yaml:"subjects,nullable" about:"Whose row it is: for relations, as schema.name, the column whose value tells. Equal values are one subject in all relations. Budgets count subjects by them."`
	Rules        []ruleEntry                 `yaml:"rules,nullable" about:"The rules. Deny rules win wherever they stand; of the others the first that matches names the terms."`
}

type defaultsEntry struct {
	strictyaml.Position
	Limits *limitsEntry `yaml:"limits" about:"Limits of statements whose rule says nothing."`
}

type limitsEntry struct {
	strictyaml.Position
	Rows     strictyaml.Scalar `yaml:"rows" form:"count" about:"Rows of a result or lines of a stream, per statement, or unlimited. Built in: 10000."`
	Bytes    strictyaml.Scalar `yaml:"bytes" form:"bytes" about:"Bytes of a result or stream, per statement, such as 65536, 64KiB, 8MiB, 1GiB, or unlimited. Built in: 8MiB."`
	Duration strictyaml.Scalar `yaml:"duration" form:"duration" about:"How long a statement may run, such as 30s or 5m, or unlimited. Built in: unlimited."`
}

type databaseEntry struct {
	strictyaml.Position
	Description string         `yaml:"description" about:"What is in the database, for people."`
	Owner       string         `yaml:"owner" about:"Who answers for the database."`
	Readers     []readersEntry `yaml:"readers" some:"true" about:"Whom roles of the database stand for, so that a place where copies go can be compared with it. The first entry that has a role counts."`
}

type classEntry struct {
	strictyaml.Position
	Description string `yaml:"description" about:"What the class holds, for people."`
	Owner       string `yaml:"owner" about:"Who answers for data of this class."`
}

type columnsEntry struct {
	strictyaml.Position
	Columns []strictyaml.Text `yaml:"columns" need:"true" some:"true" about:"Columns as schema.relation.column; * stands for a whole part. Names with signs or capital letters stand in double quotes, as in SQL."`
	Class   strictyaml.Text   `yaml:"class" need:"true" form:"columnclass" about:"The class of these columns, declared under classes; or none, which says that somebody looked and they hold nothing. none for a column that is named in full takes away what entries with wildcards give it."`
}

type maskEntry struct {
	strictyaml.Position
	Classes   []strictyaml.Text `yaml:"classes" need:"true" some:"true" about:"Classes of columns: family.name, family.* or *."`
	Mask      strictyaml.Text   `yaml:"mask,nullword" need:"true" form:"mask" about:"null; constant; partial, which leaves some characters; date, cut to a unit; band, the lower end of the band a number is in; pseudonym, the same for equal values. Classes of the family secret leave only as null or constant."`
	Value     strictyaml.Scalar `yaml:"value" about:"For constant: what stands in place of every value, as PostgreSQL writes it."`
	KeepFirst *int              `yaml:"keep_first" form:"keep" about:"For partial: how many characters stay at the beginning."`
	KeepLast  *int              `yaml:"keep_last" form:"keep" about:"For partial: how many characters stay at the end."`
	With      strictyaml.Text   `yaml:"with" form:"with" about:"For partial: what stands in place of each other character, a visible ASCII character; * if not given."`
	To        strictyaml.Text   `yaml:"to" form:"unit" about:"For date: what dates and times are cut to."`
	Width     strictyaml.Scalar `yaml:"width" form:"width" about:"For band: the width of a band, a positive number such as 10 or 0.5."`
	Domain    strictyaml.Text   `yaml:"domain" form:"identifier" about:"For pseudonym: what the values name. Columns of one domain can still be joined."`
	Key       strictyaml.Text   `yaml:"key" form:"identifier" about:"For pseudonym: the key's name in the proxy's configuration; default if not given."`
	As        strictyaml.Text   `yaml:"as" form:"shape" about:"For pseudonym of a text: email for an address at m.invalid, token for 16 characters. Not given: an address for what has an @ inside, else a token."`
	Strength  strictyaml.Text   `yaml:"strength" form:"strength" about:"In a destination: full if nothing is left of a value, so that whoever the place lets read it may; partial if something is, so that only those may who may read the value where it comes from. Not given: partial for the masks partial, date and band, full for the others."`
	Keeps     []strictyaml.Text `yaml:"keeps" some:"true" about:"CHECK constraints that somebody has held the masked values against, by name. Without it, an export of a column with another CHECK than these is refused unless the mask is null."`
	Fold      bool              `yaml:"fold" about:"For pseudonym of a text: true lets white space around it, Unicode form and case not count."`
}

type functionsEntry struct {
	strictyaml.Position
	Known []knownEntry `yaml:"known,nullable" about:"Functions that count with the effect stated here, as long as the catalog shows this body for every overload."`
}

type knownEntry struct {
	strictyaml.Position
	Signature strictyaml.Text `yaml:"signature" need:"true" about:"schema.name(types), the types as pg_get_function_identity_arguments writes them without names."`
	Body      strictyaml.Text `yaml:"body" need:"true" form:"digest" about:"sha256: and the hex digest of the body, as in pg_proc.prosrc."`
	Effect    strictyaml.Text `yaml:"effect" need:"true" form:"stated" about:"The kind of effect that a call has."`
	Why       strictyaml.Text `yaml:"why" need:"true" about:"Why that is so: who read the body, and what it does."`
}

type clientEntry struct {
	strictyaml.Position
	Name      strictyaml.Text   `yaml:"name" need:"true" form:"identifier" about:"The endpoint's name, for people."`
	Networks  []strictyaml.Text `yaml:"networks" some:"true" about:"IP ranges that clients come from; any if not given."`
	Methods   []strictyaml.Text `yaml:"methods" some:"true" form:"method" about:"How people proved who they are; any if not given."`
	TLS       bool              `yaml:"tls" about:"true asks for an encrypted connection."`
	Assurance []strictyaml.Text `yaml:"assurance" some:"true" form:"acr" about:"How surely people proved who they are: values of the claim acr of their token, one of which it must have; any if not given."`
	Accepts   []strictyaml.Text `yaml:"accepts" about:"Classes that may be shown there: family.name, family.* or *."`
	Masks     []maskEntry       `yaml:"masks" some:"true" about:"Classes that are shown there masked only, also where no rule asks for it; the first entry for a class counts, before those under masks of the document."`
}

type leaseEntry struct {
	strictyaml.Position
	ID        strictyaml.Text   `yaml:"id" need:"true" form:"identifier" about:"The rule's name in messages and records."`
	Purposes  []strictyaml.Text `yaml:"purposes" need:"true" some:"true" form:"purpose" about:"What the session is for, as it declares with sluice.purpose. Who declares nothing comes to read."`
	Databases []strictyaml.Text `yaml:"databases" some:"true" about:"Databases by the names in the proxy's configuration."`
	Users     []strictyaml.Text `yaml:"users" some:"true" about:"People, by the name they proved."`
	Groups    []strictyaml.Text `yaml:"groups" some:"true" about:"Groups of which the person is in one, as a token of their provider lists them. Nobody who logged in without a token is in any."`
	Addresses []strictyaml.Text `yaml:"addresses" some:"true" about:"IP ranges that clients come from."`
	Methods   []strictyaml.Text `yaml:"methods" some:"true" form:"method" about:"How people proved who they are."`
	Role      strictyaml.Text   `yaml:"role" need:"true" form:"role" about:"The Vault role that makes the login."`
	Group     strictyaml.Text   `yaml:"group" need:"true" form:"role" about:"The role of the database that sessions work as. It owns what they make; only for migrate should it own what is there."`
	Share     *shareEntry       `yaml:"share" about:"One person's sessions with the same database and role share a lease. Without it each has its own."`
}

type shareEntry struct {
	strictyaml.Position
	For      strictyaml.Text `yaml:"for" need:"true" form:"span" about:"How long after it was issued a lease is given to further sessions, such as 10m."`
	Sessions *int            `yaml:"sessions" need:"true" form:"sharers" about:"How many sessions may have it at once."`
}

type feedEntry struct {
	strictyaml.Position
	ID           strictyaml.Text   `yaml:"id" need:"true" form:"identifier" about:"The entry's name in messages and records."`
	Users        []strictyaml.Text `yaml:"users" need:"true" some:"true" about:"People and programs, by the name they proved."`
	Databases    []strictyaml.Text `yaml:"databases" need:"true" some:"true" about:"Databases by the names in the proxy's configuration."`
	Addresses    []strictyaml.Text `yaml:"addresses" some:"true" about:"IP ranges that clients come from; any if not given."`
	Methods      []strictyaml.Text `yaml:"methods" some:"true" form:"method" about:"How clients proved who they are; any if not given."`
	Slot         strictyaml.Text   `yaml:"slot" need:"true" form:"slot" about:"The replication slot."`
	Plugin       strictyaml.Text   `yaml:"plugin" form:"plugin" about:"The slot's output plugin; pgoutput if not given. Any other streams the whole database, so every class of the policy counts."`
	Publications []strictyaml.Text `yaml:"publications" some:"true" about:"The publications that are asked for, all of them and no others. Needed for pgoutput, and for no other plugin."`
	MayCreate    bool              `yaml:"may_create" about:"true lets the client make and drop the slot."`
	Limits       *limitsEntry      `yaml:"limits" about:"How much one stream may give; unlimited if not given. Rows are messages of the stream."`
	Owner        strictyaml.Text   `yaml:"owner" form:"owner" about:"The team or person to ask."`
}

type ruleEntry struct {
	strictyaml.Position
	ID           strictyaml.Text   `yaml:"id" need:"true" form:"identifier" about:"The rule's name in messages and records."`
	Effect       strictyaml.Text   `yaml:"effect" need:"true" form:"effect" about:"What the rule does with what it matches."`
	Mode         strictyaml.Text   `yaml:"mode" form:"mode" about:"enforce acts; warn lets pass and tells the client; shadow only records what the rule would do."`
	Kinds        []strictyaml.Text `yaml:"kinds" some:"true" form:"kind" about:"Kinds of effects; all of them if not given, which only deny rules may leave out."`
	Relations    []strictyaml.Text `yaml:"relations" some:"true" about:"Relations as schema.name, * for a whole part. Deny rules may leave the schema out."`
	Functions    []strictyaml.Text `yaml:"functions" some:"true" about:"Functions as schema.name, * for a whole part. Deny rules may leave the schema out."`
	Classes      []strictyaml.Text `yaml:"classes" some:"true" about:"Classes of columns: family.name, family.* or *. A deny rule matches what might touch one of them, any other rule what surely touches no class beside them."`
	Databases    []strictyaml.Text `yaml:"databases" some:"true" about:"Databases by the names in the proxy's configuration."`
	Users        []strictyaml.Text `yaml:"users" some:"true" about:"People, by the name they proved."`
	Addresses    []strictyaml.Text `yaml:"addresses" some:"true" about:"IP ranges that clients come from."`
	Methods      []strictyaml.Text `yaml:"methods" some:"true" form:"method" about:"How people proved who they are."`
	Groups       []strictyaml.Text `yaml:"groups" some:"true" about:"Groups of which the person is in one, as a token of their provider lists them. Nobody who logged in without a token is in any."`
	Destinations []strictyaml.Text `yaml:"destinations" some:"true" about:"Destinations by their names in the document. A deny rule matches what might go to one of them, any other rule what surely goes nowhere else."`
	When         strictyaml.Text   `yaml:"when" form:"condition" about:"A condition in CEL over identity, session, statement, destination, destinations, purpose and now."`
	Limits       *limitsEntry      `yaml:"limits" about:"How much a statement may give back by this rule."`
	Unclassed    strictyaml.Text   `yaml:"unclassified" form:"unclassified" about:"For mask and carry rules: what becomes of an export that holds columns without a class. refuse if not given; pass lets them out as they are."`
	Owner        strictyaml.Text   `yaml:"owner" form:"owner" about:"The team or person to ask."`
	Message      strictyaml.Text   `yaml:"message" form:"message" about:"What the owner says to whom the rule meets."`
	Link         strictyaml.Text   `yaml:"link" form:"link" about:"Web address where the owner says more."`
}

type budgetEntry struct {
	strictyaml.Position
	ID        strictyaml.Text   `yaml:"id" need:"true" form:"identifier" about:"The budget's name in messages and records; what was spent is remembered by it."`
	Classes   []strictyaml.Text `yaml:"classes" need:"true" some:"true" about:"Classes of columns: family.name, family.*, *, or unclassified for data without any class. Each class is counted on its own."`
	Databases []strictyaml.Text `yaml:"databases" some:"true" about:"Databases by the names in the proxy's configuration."`
	Users     []strictyaml.Text `yaml:"users" some:"true" about:"People, by the name they proved."`
	Groups    []strictyaml.Text `yaml:"groups" some:"true" about:"Groups of which the person is in one, as a token of their provider lists them. Nobody who logged in without a token is in any."`
	Addresses []strictyaml.Text `yaml:"addresses" some:"true" about:"IP ranges that clients come from."`
	Methods   []strictyaml.Text `yaml:"methods" some:"true" form:"method" about:"How people proved who they are."`
	Window    strictyaml.Text   `yaml:"window" need:"true" form:"span" about:"How far back the budget looks, such as 24h, from 1m to 2160h. It slides in steps of a 24th; what was given counts until it is surely older."`
	Rows      strictyaml.Scalar `yaml:"rows" form:"count" about:"How many rows; errors and notices count as rows. Unlimited if not given."`
	Bytes     strictyaml.Scalar `yaml:"bytes" need:"true" form:"bytes" about:"How many bytes, such as 65536, 64KiB, 8MiB, 1GiB, or unlimited. Needed, because many rows can be put together in one value."`
	Subjects  strictyaml.Scalar `yaml:"subjects" form:"count" about:"How many different subjects (see subjects); a row whose subject cannot be told is one of its own. Unlimited if not given."`
	Owner     strictyaml.Text   `yaml:"owner" form:"owner" about:"The team or person to ask."`
	Message   strictyaml.Text   `yaml:"message" form:"message" about:"What the owner says to whom the budget meets."`
	Link      strictyaml.Text   `yaml:"link" form:"link" about:"Web address where the owner says more."`
}
