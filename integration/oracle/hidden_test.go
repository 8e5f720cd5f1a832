package oracle

import "testing"

// hidden is a text that holds a second statement for the server and none for
// a lexer that ends a string at a comment.
const hidden = "DO E'BEGIN NULL; END --' -- a comment\n'\\'' ; COPY users TO STDOUT; --'"

// hides shows that the statement behind the comment does run, which is why
// the analysis must refuse the text; otherwise its case would show nothing.
func (o *oracle) hides(t *testing.T) {
	o.session.t = t
	if o.analyses[hidden] == nil || o.analyses[hidden].Problem == nil {
		t.Error("the analysis does not refuse the text, or the corpus does not have it")
	}
	if a := o.query(hidden); a.complete != 2 || a.code != "" {
		t.Errorf("the server completed %d statements: %s", a.complete, a.message)
	}
	o.reset()
}
