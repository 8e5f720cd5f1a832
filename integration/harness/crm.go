package harness

import _ "embed"

// CRM makes, as a superuser in the database shop, the schema crm with the tables
// people (2000 rows) and orders (5000, each of one of the people) and a view of
// both, all of shop_app; and ana, who may read some of it as one of the analysts.
//
//go:embed crm.sql
var CRM string
