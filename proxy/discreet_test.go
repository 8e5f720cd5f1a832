package proxy

import "testing"

func TestWithoutValuesKeepsMissingRights(t *testing.T) {
	const words = "permission denied for table people"
	for routine, want := range map[string]bool{"aclcheck_error": true, "exec_stmt_raise": false, "": false} {
		e := withoutValues(map[byte]string{'C': "42501", 'M': words, 'R': routine})
		if (e.Message == words) != want {
			t.Errorf("raised by %q: %q", routine, e.Message)
		}
	}
}
