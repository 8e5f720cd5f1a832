package classify

import "strings"

// wordsOf parts a name into lower-case words at signs, digits and changes of
// case: userEmailAddress2, user_email_address and "User E-Mail" alike.
func wordsOf(name string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		lower := plain(r)
		switch {
		case lower == 0:
			end()
			continue
		case upper(r) && i > 0:
			follows := i+1 < len(runes) && small(runes[i+1])
			if small(runes[i-1]) || upper(runes[i-1]) && follows {
				end()
			}
		}
		word.WriteRune(lower)
		if r == 'ß' {
			word.WriteRune('s')
		}
	}
	end()
	return words
}

func upper(r rune) bool { return r >= 'A' && r <= 'Z' }

func small(r rune) bool { return r >= 'a' && r <= 'z' }

// accents are letters with the plain ones that people type for them.
var accents = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ä", "a", "ã", "a", "å", "a", "ç", "c", "é", "e", "è", "e", "ê", "e", "ë", "e",
	"í", "i", "î", "i", "ï", "i", "ñ", "n", "ó", "o", "ô", "o", "ö", "o", "õ", "o", "ú", "u", "ù", "u", "û", "u", "ü", "u", "ß", "s",
)

// plain is a letter in lower case without its accent; 0 for what is no
// letter.
func plain(r rune) rune {
	switch {
	case small(r):
		return r
	case upper(r):
		return r + 'a' - 'A'
	case r < 0x80:
		return 0
	}
	for _, p := range accents.Replace(strings.ToLower(string(r))) {
		return p
	}
	return 0
}
