// Package check judges files of SQL before they run: policy/script reads them,
// policy/statement analyses each text, and policy.Decide gives the verdict, the
// same three that stand behind the live gate.
//
//	file -> script.Reader -> Item -> Analyze -> Resolve -> Decide -> Finding
//	                          |                                |
//	                          |        what SQL PREPARE and DECLARE made
//	                          |        earlier in the files is known
//	                          Note, for what is no statement
//
// A Finding is about one statement; a text with several is refused as a whole,
// as the gate does, and every statement of it says so. What cannot be told from
// a file is code that cannot be judged, opaque_code: a variable that may become
// any text, the results that \gexec runs, a file that is not followed. An
// example is a statement in which \if stands.
//
// A check differs from the gate where a file has less than a session: no place
// was measured, so rows go to no other server; and names that were made
// before the file are not known.
//
// The comment "-- sluice-ignore RULE: reason" right before a statement turns a
// refusal by that rule into "ignored", for this report and nothing else: the
// gate does not read comments.
package check
