// Package egress says for a live database and one person by which roads data could
// leave, and what closes the others: the database's own privileges, or the policy.
//
//	Examine -> log in as the doctor does, and write nothing
//	        -> what is there to protect: the columns that have a class
//	        -> what is there to take roads by: names.txt
//	        -> for each road (policy/egress): what the server wants of the role that
//	           the person works as, and what the policy makes of the very statements
//	        -> Report -> Text or JSON
//
// Nothing is tried: privileges are asked for in the catalog, and statements are
// judged and not sent. The suite integration/egress tries them, and holds its
// findings against what is predicted here.
package egress
