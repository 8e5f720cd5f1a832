package proxy

import "strings"

// traceparent returns the trace context that a client has put into a comment
// at the end or the beginning of a text, as libraries of sqlcommenter do:
//
//	SELECT 1 /*action='list',traceparent='00-0af7...-b7ad...-01'*/
//
// It is empty if there is none, or none that is well-formed (W3C Trace
// Context, 3.2.2). Whoever writes the text chooses it, so nothing but the
// place of a span in a trace may hang on it.
func traceparent(text string) string {
	text = strings.Trim(text, " \t\r\n;")
	if body, ok := strings.CutSuffix(text, "*/"); ok {
		if at := strings.LastIndex(body, "/*"); at >= 0 {
			if found := traceparentIn(body[at+2:]); found != "" {
				return found
			}
		}
	}
	if body, ok := strings.CutPrefix(text, "/*"); ok {
		if body, _, ok = strings.Cut(body, "*/"); ok {
			return traceparentIn(body)
		}
	}
	return ""
}

// traceparentIn looks among the members of one comment: name='value', with
// commas between them.
func traceparentIn(comment string) string {
	for member := range strings.SplitSeq(comment, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if name != "traceparent" || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			continue
		}
		if value = value[1 : len(value)-1]; validTraceparent(value) {
			return strings.Clone(value) // the text is not kept
		}
	}
	return ""
}

// validTraceparent accepts version 00 alone: two digits of version, 32 of trace
// id, 16 of parent id, two of flags, in lower-case hexadecimal; no id is zero.
func validTraceparent(value string) bool {
	const form = "00-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff"
	if len(value) != len(form) || value[3:35] == strings.Repeat("0", 32) || value[36:52] == strings.Repeat("0", 16) {
		return false
	}
	for i := range len(value) {
		switch c := value[i]; form[i] {
		case '-', '0':
			if c != form[i] {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
