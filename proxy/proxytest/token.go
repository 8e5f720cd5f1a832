package proxytest

import (
	"fmt"
	"strconv"
	"strings"
)

// maxRepeat bounds what "..."*N may grow to, in bytes.
const maxRepeat = 32 << 20

// token is one word of a script line. A token in quotes is text even if it
// looks like a word; a token with a key was written key=text.
type token struct {
	key    string
	text   string
	quoted bool
}

// tokenize cuts a line into words. A word is a run of non-blanks, or text in
// double quotes with Go's escapes; "..."*N repeats the text N times, and texts
// that touch are one. A word may be key=word or key="text".
func tokenize(line string) ([]token, error) {
	var all []token
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return all, nil
		}
		t, rest, err := nextToken(line)
		if err != nil {
			return nil, err
		}
		if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			return nil, fmt.Errorf("a blank is missing before %.20q", rest)
		}
		all, line = append(all, t), rest
	}
}

func nextToken(s string) (token, string, error) {
	end := strings.IndexAny(s, " \t\"")
	if end < 0 {
		end = len(s)
	}
	word, rest := s[:end], s[end:]
	key, value, keyed := strings.Cut(word, "=")
	if !keyed {
		key, value = "", word
	}
	if !strings.HasPrefix(rest, `"`) {
		return token{key: key, text: value}, rest, nil
	}
	if value != "" {
		return token{}, "", fmt.Errorf("a quote inside the word %.20q", word)
	}
	t := token{key: key, quoted: true}
	for strings.HasPrefix(rest, `"`) {
		text, after, err := quotedText(rest)
		if err != nil {
			return token{}, "", err
		}
		t.text += text
		rest = after
	}
	return t, rest, nil
}

func quotedText(s string) (text, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", fmt.Errorf("text in quotes has no end or a wrong escape: %.20s", s)
	}
	if text, err = strconv.Unquote(quoted); err != nil {
		return "", "", fmt.Errorf("text in quotes: %w", err)
	}
	rest = s[len(quoted):]
	if !strings.HasPrefix(rest, "*") {
		return text, rest, nil
	}
	end := strings.IndexAny(rest, " \t\"")
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.Atoi(rest[1:end])
	if err != nil || n < 0 || n*len(text) > maxRepeat || n > maxRepeat {
		return "", "", fmt.Errorf("%.20q does not repeat a text within %d bytes", rest[:end], maxRepeat)
	}
	return strings.Repeat(text, n), rest[end:], nil
}
