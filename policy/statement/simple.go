package statement

// simpleStatements have one effect whatever their fields say; functions and
// relations inside them are still met by the walk.
var simpleStatements = map[string]meaning{
	// Replication.
	"CreatePublicationStmt": {Replication, "CREATE PUBLICATION"},
	"AlterPublicationStmt":  {Replication, "ALTER PUBLICATION"},
	"DropSubscriptionStmt":  {Replication, "DROP SUBSCRIPTION"},

	// Rights, credentials, watchers.
	"CreateRoleStmt":             {WeakenProtection, "CREATE ROLE"},
	"AlterRoleStmt":              {WeakenProtection, "ALTER ROLE"},
	"DropOwnedStmt":              {WeakenProtection, "DROP OWNED"},
	"ReassignOwnedStmt":          {WeakenProtection, "REASSIGN OWNED"},
	"AlterEventTrigStmt":         {WeakenProtection, "ALTER EVENT TRIGGER"},
	"LoadStmt":                   {WeakenProtection, "LOAD"},
	"CreatePLangStmt":            {WeakenProtection, "CREATE LANGUAGE"},
	"AlterExtensionContentsStmt": {WeakenProtection, "ALTER EXTENSION ... ADD or DROP"},

	// Code that cannot be judged.
	"CallStmt":             {OpaqueCode, "CALL"},
	"CreateEventTrigStmt":  {OpaqueCode, "CREATE EVENT TRIGGER"},
	"CreateAmStmt":         {OpaqueCode, "CREATE ACCESS METHOD"},
	"CreateOpClassStmt":    {OpaqueCode, "CREATE OPERATOR CLASS"},
	"AlterOpFamilyStmt":    {OpaqueCode, "ALTER OPERATOR FAMILY"},
	"AlterOperatorStmt":    {OpaqueCode, "ALTER OPERATOR"},
	"AlterTypeStmt":        {OpaqueCode, "ALTER TYPE ... SET"},
	"CreateCastStmt":       {OpaqueCode, "CREATE CAST"},
	"CreateTransformStmt":  {OpaqueCode, "CREATE TRANSFORM"},
	"CreateConversionStmt": {OpaqueCode, "CREATE CONVERSION"},

	// Schema changes.
	"AlterCollationStmt":           {DDL, "ALTER COLLATION"},
	"AlterDomainStmt":              {DDL, "ALTER DOMAIN"},
	"DropTableSpaceStmt":           {DDL, "DROP TABLESPACE"},
	"AlterTableSpaceOptionsStmt":   {DDL, "ALTER TABLESPACE"},
	"AlterTableMoveAllStmt":        {DDL, "ALTER TABLE ALL IN TABLESPACE"},
	"DropUserMappingStmt":          {DDL, "DROP USER MAPPING"},
	"DropRoleStmt":                 {DDL, "DROP ROLE"},
	"CreateDomainStmt":             {DDL, "CREATE DOMAIN"},
	"CreateOpFamilyStmt":           {DDL, "CREATE OPERATOR FAMILY"},
	"CreateStatsStmt":              {DDL, "CREATE STATISTICS"},
	"AlterStatsStmt":               {DDL, "ALTER STATISTICS"},
	"AlterObjectDependsStmt":       {DDL, "ALTER ... DEPENDS ON EXTENSION"},
	"CompositeTypeStmt":            {DDL, "CREATE TYPE"},
	"CreateEnumStmt":               {DDL, "CREATE TYPE"},
	"AlterEnumStmt":                {DDL, "ALTER TYPE"},
	"AlterDatabaseRefreshCollStmt": {DDL, "ALTER DATABASE ... REFRESH COLLATION VERSION"},
	"DropdbStmt":                   {DDL, "DROP DATABASE"},
	"AlterTSDictionaryStmt":        {DDL, "ALTER TEXT SEARCH DICTIONARY"},
	"AlterTSConfigurationStmt":     {DDL, "ALTER TEXT SEARCH CONFIGURATION"},

	// Maintenance. A NOTIFY's payload is always a constant.
	"NotifyStmt":     {OrdinaryWrite, "NOTIFY"},
	"ClusterStmt":    {OrdinaryWrite, "CLUSTER"},
	"VacuumStmt":     {OrdinaryWrite, "VACUUM or ANALYZE"},
	"ReindexStmt":    {OrdinaryWrite, "REINDEX"},
	"CheckPointStmt": {OrdinaryWrite, "CHECKPOINT"},

	// The session's own.
	"ListenStmt":         {OrdinaryRead, "LISTEN"},
	"UnlistenStmt":       {OrdinaryRead, "UNLISTEN"},
	"ConstraintsSetStmt": {OrdinaryRead, "SET CONSTRAINTS"},
}
