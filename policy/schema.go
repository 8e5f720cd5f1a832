package policy

import (
	"reflect"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Schema is the JSON Schema (draft 07) of the policy document, for editors.
// It is made from the types that Parse reads into, so it cannot describe
// another document than that. It does not know everything Parse does: names
// that must be declared, rules that are never reached and conditions are
// beyond it.
func Schema() []byte {
	return strictyaml.Schema(reflect.TypeFor[document](), "Policy of Sluice", func(_ reflect.Type, f reflect.StructField) strictyaml.Key {
		key := strictyaml.Key{About: f.Tag.Get("about"), Need: f.Tag.Get("need") != "", Some: f.Tag.Get("some") != ""}
		if form := f.Tag.Get("form"); form != "" {
			key.Value = formOf(form)
		}
		return key
	})
}

// node is a schema in the making.
type node = strictyaml.Form

// words accepts some texts and no others.
func words(accepted ...string) node { return node{"type": "string", "enum": accepted} }

// text accepts texts of a form.
func text(pattern string) node { return node{"type": "string", "pattern": pattern} }

// atMost accepts texts that are not longer.
func atMost(characters int) node { return node{"type": "string", "maxLength": characters} }

// formOf describes the values that a key accepts, by the name of the form.
func formOf(name string) node {
	switch name {
	case "version":
		return node{"type": "integer", "enum": []int{1}}
	case "port":
		return node{"type": "integer", "minimum": 1, "maximum": 65535}
	case "identifier":
		return text(identifier.String())
	case "slot":
		return text(slotName.String())
	case "plugin":
		return text(pluginName.String())
	case "class":
		return text(className.String())
	case "columnclass":
		return text("^" + NoClass + "$|" + className.String())
	case "digest":
		return text(digest.String())
	case "effect":
		return words(effectNames...)
	case "mode":
		return words(modeNames[:]...)
	case "kind":
		return words(append(kindNames(), "*")...)
	case "stated":
		return words(statedNames()...)
	case "method":
		return words(methodNames...)
	case "tls":
		return words(tlsRungs...)
	case "authentication":
		return words(authenticationRungs...)
	case "replication":
		return words(replicationRungs...)
	case "purpose":
		return words(purposeNames...)
	case "closed":
		return words(closedNames...)
	case "logs":
		return words(logNames...)
	case "filters":
		return words(filterNames...)
	case "atrest":
		return words(atRestNames...)
	case "reaction":
		return words(reactionNames...)
	case "sha256":
		return text(sha256Form.String())
	case "publickey":
		return text(publicKey.String())
	case "system":
		return text(systemForm.String())
	case "major":
		return node{"type": []string{"integer", "string"}, "minimum": oldestVersion, "maximum": newestVersion}
	case "mask":
		return words(maskNames...)
	case "unit":
		return words(maskUnits...)
	case "shape":
		return words(maskShapes...)
	case "strength":
		return words(strengthNames...)
	case "unclassified":
		return words(unclassifiedNames...)
	case "width":
		return node{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^[0-9]+([.][0-9]+)?$"}
	case "with":
		return text("^[!-~]$")
	case "keep":
		return node{"type": "integer", "minimum": 0, "maximum": maxKeep}
	case "sharers":
		return node{"type": "integer", "minimum": 2, "maximum": maxShareSessions}
	}
	return freeForm(name)
}

// freeForm describes values that people make up.
func freeForm(name string) node {
	switch name {
	case "message":
		return atMost(maxMessage)
	case "owner":
		return atMost(maxName)
	case "condition":
		return node{"type": "string", "minLength": 1, "maxLength": condition.MaxLength}
	case "link":
		return node{"type": "string", "pattern": "^https?://[^/]", "maxLength": maxLink}
	case "count":
		return node{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^(unlimited|[1-9][0-9]*)$"}
	case "bytes":
		return node{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^(unlimited|[1-9][0-9]*(KiB|MiB|GiB|TiB)?)$"}
	case "role":
		return node{"type": "string", "minLength": 1, "maxLength": maxName}
	case "lease":
		return text("^(off|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$")
	case "acr":
		return node{"type": "string", "minLength": 1, "maxLength": maxLink}
	case "span":
		return text("^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$")
	case "duration":
		return text("^(unlimited|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$")
	}
	panic("policy: there is no form " + name)
}
