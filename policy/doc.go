// Package policy holds the policy document and the decision.
package policy
