package policy

import "github.com/sluice-pg/sluice/policy/strictyaml"

// The types of this file are the YAML form of destinations, see form.go.

type destinationEntry struct {
	strictyaml.Position
	Host      string            `yaml:"host" about:"The place's host name or IP address."`
	Addresses []strictyaml.Text `yaml:"addresses" about:"Further hosts of the place: names, *.example.net, or ranges such as 10.0.0.0/8. Each host is measured on its own; copies are carried to host alone."`
	Port      *int              `yaml:"port" form:"port" about:"The port; 5432 if not given."`
	Database  string            `yaml:"database" about:"The only database that is meant; any if not given. Copies are carried to a place only if it has one."`
	CA        string            `yaml:"ca" about:"File with the certificate authority that signed the place's certificate."`
	Owner     strictyaml.Text   `yaml:"owner" form:"owner" about:"The team or person to ask."`
	Floor     *floorEntry       `yaml:"floor" about:"What the place must reach. Without a floor it must be without any finding."`
	Accepts   []strictyaml.Text `yaml:"accepts" about:"Classes that may go there: family.name, family.* or *. Without this key nothing that has a class may."`
	Masks     []maskEntry       `yaml:"masks" some:"true" about:"Classes that go there masked only; the first entry for a class counts. Masks of the document mean nothing here."`
	Keys      []strictyaml.Text `yaml:"keys" some:"true" form:"sha256" about:"The public keys that its certificate may have, each as the SHA-256 of its SubjectPublicKeyInfo in hex; any that ca has signed if not given."`
	System    strictyaml.Text   `yaml:"system_identifier" form:"system" about:"The system identifier of its cluster, as pg_control_system() has it; any if not given."`
	Roles     *placeRolesEntry  `yaml:"roles" about:"The roles that were made there for Sluice, see sluice destination setup."`
	Readers   []readersEntry    `yaml:"readers" some:"true" about:"Whom roles of the place stand for. The first entry that has a role counts; a role that none has may read nothing of a copy."`
	Trusted   []strictyaml.Text `yaml:"trusted" some:"true" about:"Readers that run the server: that they could read its files, be a superuser or replicate it is reported, and not held against the place."`
	MayRead   []mayReadEntry    `yaml:"may_read" some:"true" about:"Who may read what there although they may not where it comes from."`
	Grants    []grantEntry      `yaml:"grants" some:"true" about:"Which roles get the right to read what another role may read where it comes from."`
	Schemas   []strictyaml.Text `yaml:"schemas" some:"true" about:"Schemas that copies may be put into; any but those of the system if not given."`
	Attestors []attestorEntry   `yaml:"attestors" some:"true" about:"Whose signature counts under statements about what SQL cannot show, such as encryption at rest."`
	Attested  string            `yaml:"attested" about:"File with such statements, as sluice destination attest writes them."`
	Watch     *watchEntry       `yaml:"watch" about:"How the place is watched for as long as it holds a copy."`
	React     *reactEntry       `yaml:"react" about:"What is done when its protection has become less."`
	Expires   *expiresEntry     `yaml:"expires" about:"How long copies live there."`
}

type floorEntry struct {
	strictyaml.Position
	TLS            strictyaml.Text   `yaml:"tls" form:"tls" about:"The least of none, offered, required and verified; verified if not given."`
	Authentication strictyaml.Text   `yaml:"authentication" form:"authentication" about:"The least of none, any-password, scram and certificate; scram if not given."`
	Replication    strictyaml.Text   `yaml:"replication" form:"replication" about:"open, or closed for strangers; closed if not given."`
	Version        strictyaml.Scalar `yaml:"version" form:"major" about:"The oldest major version of PostgreSQL; 13 if not given. Up to 15, whoever has CREATEROLE can read everything."`
	Logs           strictyaml.Text   `yaml:"logs" form:"logs" about:"open; quiet: the server does not log statements with the values in them, but where they fail; or closed: it does not log values at all. quiet if not given."`
	Onward         strictyaml.Text   `yaml:"onward" form:"closed" about:"open, or closed: nothing of the database is replicated, published or archived elsewhere. open if not given: it is reported."`
	RowFilters     strictyaml.Text   `yaml:"row_filters" form:"filters" about:"soft, or hard: row security does not rest on settings that any session can change. hard if not given."`
	AtRest         strictyaml.Text   `yaml:"at_rest" form:"atrest" about:"any, or attested: somebody under attestors has signed that its storage is encrypted. any if not given."`
}

type placeRolesEntry struct {
	strictyaml.Position
	Owner   strictyaml.Text `yaml:"owner" form:"role" about:"Owns copies and never logs in; sluice_owner if not given."`
	Probe   strictyaml.Text `yaml:"probe" form:"role" about:"Looks at the place; sluice_probe if not given."`
	Carrier strictyaml.Text `yaml:"carrier" form:"role" about:"Loads copies; sluice_carrier if not given."`
	Reactor strictyaml.Text `yaml:"reactor" form:"role" about:"Closes and removes them; sluice_reactor if not given."`
}

type readersEntry struct {
	strictyaml.Position
	Name  strictyaml.Text   `yaml:"name" need:"true" form:"identifier" about:"Whom the roles stand for, such as analyst; the same name means the same people everywhere."`
	Roles []strictyaml.Text `yaml:"roles" need:"true" some:"true" about:"Roles by name, * for any characters, +group for its members."`
}

type mayReadEntry struct {
	strictyaml.Position
	Readers []strictyaml.Text `yaml:"readers" need:"true" some:"true" about:"Readers by their names."`
	Classes []strictyaml.Text `yaml:"classes" need:"true" some:"true" about:"Classes of columns: family.name, family.* or *."`
}

type grantEntry struct {
	strictyaml.Position
	From strictyaml.Text `yaml:"from" need:"true" form:"role" about:"A role of the database that data comes from, or PUBLIC."`
	To   strictyaml.Text `yaml:"to" need:"true" form:"role" about:"The role of the place that gets the same columns to read. Never PUBLIC."`
}

type attestorEntry struct {
	strictyaml.Position
	Name strictyaml.Text `yaml:"name" need:"true" form:"identifier" about:"Who it is, as in what they sign."`
	Key  strictyaml.Text `yaml:"key" need:"true" form:"publickey" about:"Their public key (Ed25519), in base64."`
}

type watchEntry struct {
	strictyaml.Position
	Relations strictyaml.Text   `yaml:"relations" form:"span" about:"How often rights, row security and whatever else is stored with copies are looked at; 2s if not given, at most 5s."`
	Roles     strictyaml.Text   `yaml:"roles" form:"span" about:"How often roles, memberships, settings and whatever else can widen access are looked at; 5s if not given, at most 5s."`
	Wire      strictyaml.Text   `yaml:"wire" form:"span" about:"How often the place is knocked at from the outside; 30s if not given, at most 60s. A reload of its configuration is always followed by a knock."`
	From      []strictyaml.Text `yaml:"from" some:"true" about:"Local addresses to knock from, because pg_hba.conf chooses by address; the system chooses if not given."`
}

type reactEntry struct {
	strictyaml.Position
	Latent  strictyaml.Text `yaml:"latent" form:"reaction" about:"When something has changed that gives nobody more to read yet; alert if not given."`
	Object  strictyaml.Text `yaml:"object" form:"reaction" about:"When somebody can read more of a copy; freeze if not given."`
	Server  strictyaml.Text `yaml:"server" form:"reaction" about:"When the server itself lets people in who were kept out, which no right on a table keeps out; freeze if not given. purge is what helps."`
	Unknown strictyaml.Text `yaml:"unknown" form:"reaction" about:"When the place cannot be measured any more; block if not given."`
}

type expiresEntry struct {
	strictyaml.Position
	After  strictyaml.Text   `yaml:"after" form:"span" about:"How long a copy lives if nobody asks for less or more; 720h if not given."`
	AtMost strictyaml.Text   `yaml:"at_most" form:"span" about:"How long it may live; as after if not given."`
	Remind []strictyaml.Text `yaml:"remind" some:"true" form:"span" about:"How long before its end the owner of a copy is reminded; 72h and 24h if not given."`
	Lease  strictyaml.Text   `yaml:"lease" form:"lease" about:"How long rows of a copy can still be read when nobody watches it any more, such as 5m, from 1m to 24h; 5m if not given. off takes that protection away."`
}
