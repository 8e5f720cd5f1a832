package policy

import (
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The ids of the refusals that follow from classes of columns.
const (
	ruleSecret = "builtin:secret-class"
	ruleClient = "builtin:client-endpoint"
)

// worstOutward is the effect that moves most, or else the worst.
func worstOutward(st *statement.Statement) statement.Effect {
	for _, e := range st.Effects {
		if outward.has(e.Kind) {
			return e
		}
	}
	return st.Effects[0]
}

// refuseSecret refuses what may carry a credential, whatever a rule says.
// It returns false if nothing of the sort comes out.
func (c *ruling) refuseSecret() (Decision, bool) {
	for _, entry := range c.carried() {
		if !entry.secret() {
			continue
		}
		d := c.decision(Deny, ruleSecret, worstOutward(c.st))
		d.because(entry.position, "%s may be in what comes out, and it is %s", quote.Short(entry.text, maxSubject), entry.class)
		if c.touch().unnamed {
			d.because("", "the statement may reach relations that its text does not name")
		}
		d.because("", "classes of the family %s are credentials: they never leave, and no rule can allow it", secretFamily)
		d.Hint = "Name the columns you need and leave this one out; a condition may look at it."
		c.addFacts(&d)
		return d, true
	}
	return Decision{}, false
}

// answersNothing are nodes that run code without rows for the client.
var answersNothing = map[string]bool{
	"DoStmt": true, "CreateFunctionStmt": true, "CreateTrigStmt": true, "CreateTableAsStmt": true, "ViewStmt": true,
	"CreateStmt": true, "AlterTableStmt": true, "IndexStmt": true, "RuleStmt": true, "CreateExtensionStmt": true,
	"CreatePolicyStmt": true, "CreateSchemaStmt": true, "CreateDomainStmt": true,
}

// toClient lists the entries of which values may reach the client. A view or a
// generated column answers nothing, but needs no leave, and gives values a name
// that has no class: what may not be read may not be renamed so either.
func (c *ruling) toClient() []*columnEntry {
	switch {
	case c.st.Replication != nil:
		return c.carried()
	case c.st.Kind == statement.DDL:
		return c.brought()
	case answersNothing[c.st.Node]:
		return nil
	}
	if c.touch().unnamed && (hasOpaque(c.st) || hasKind(c.st, statement.ExportToClient)) {
		return c.judge.everyEntry()
	}
	if !hasKind(c.st, statement.ExportToClient) && !hasKind(c.st, statement.OrdinaryRead) && !hasKind(c.st, statement.OrdinaryWrite) {
		return nil
	}
	return c.brought()
}

// refuseClient refuses what may show the client a class that its endpoint
// does not accept. What the session declares does not matter: the rows go
// where the connection goes.
func (c *ruling) refuseClient() (Decision, bool) {
	if !c.judge.policy.hasClients {
		return Decision{}, false
	}
	at := c.judge.view.client
	for _, entry := range c.toClient() {
		if c.clientAccepts(entry) || c.maskedFor != nil && c.maskedFor.find(entry.class) != nil {
			continue
		}
		d := c.decision(Deny, ruleClient, worstOutward(c.st))
		if at == nil {
			d.because("", "this client is none of the policy's clients, and such a one is given nothing that has a class")
		} else {
			d.because(at.position, "client %s accepts no %s", at.name, entry.class)
		}
		d.because(entry.position, "%s may be in what the client is given, and it is %s", quote.Short(entry.text, maxSubject), entry.class)
		d.Hint = "Name the columns you need and leave this one out, or work from a place that the policy lists under clients for this class."
		return d, true
	}
	return Decision{}, false
}
