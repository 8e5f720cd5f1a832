package classify

// Class is a class that can be suggested.
type Class struct {
	// Name is family.name.
	Name string
	// About says to people what columns of the class hold.
	About string
}

// classes are all that this package suggests, sorted by name.
var classes = []Class{
	{"contact.address", "postal addresses and parts of them"},
	{"contact.email", "e-mail addresses"},
	{"contact.phone", "telephone numbers"},
	{"device.id", "numbers that stand for one person's device"},
	{"finance.account", "numbers of bank accounts"},
	{"finance.card", "numbers of payment cards and what belongs to them"},
	{"finance.iban", "IBANs"},
	{"finance.income", "what somebody earns"},
	{"health.body", "measurements of somebody's body"},
	{"health.record", "diagnoses, medication and the like"},
	{"location.position", "where somebody or something is"},
	{"network.ip", "addresses of IP networks"},
	{"network.mac", "hardware addresses"},
	{"network.ssid", "names of wireless networks"},
	{"person.birth", "dates of birth and ages"},
	{"person.gender", "gender"},
	{"person.name", "names of people"},
	{"person.national_id", "numbers of a state for a person: social security, passport, tax"},
	{"person.username", "names that people log in with"},
	{"secret.key", "keys and other secrets of machines"},
	{"secret.password", "passwords, their hashes and what resets them"},
	{"secret.token", "tokens of sessions and interfaces"},
}

// Classes lists the classes that can be suggested, by name.
func Classes() []Class { return append([]Class(nil), classes...) }

// About says what columns of a class hold; empty for a class that this package
// does not suggest.
func About(class string) string {
	for _, c := range classes {
		if c.Name == class {
			return c.About
		}
	}
	return ""
}
