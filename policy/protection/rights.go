package protection

import (
	"bytes"
	"fmt"

	"github.com/sluice-pg/sluice/policy/catalog/answer"
)

// privilege is a right that has to do with reading. MAINTAIN (17+) and all
// rights to change rows let nobody read.
type privilege uint8

const (
	selects privilege = 1 << iota
	triggers
	uses
	connects
	executes
)

var privilegeNames = map[string]privilege{
	"SELECT": selects, "TRIGGER": triggers, "USAGE": uses, "CONNECT": connects, "EXECUTE": executes,
}

// public is the OID that stands for PUBLIC in lists of rights.
const public oid = 0

// right is what one grantee holds.
type right struct {
	grantee oid
	holds   privilege
	// passes are those held with grant option.
	passes privilege
}

// rights is what an ACL gives. Superusers and owners have no more of it than
// stands there.
type rights struct {
	list []right
	// builtIn is an ACL of NULL: what acldefault gives the owner and PUBLIC.
	builtIn bool
}

// given is the list with the built-in default spelled out.
func (r rights) given(owner oid, ofOwner, ofPublic privilege) []right {
	if !r.builtIn {
		return r.list
	}
	list := []right{{grantee: owner, holds: ofOwner}}
	if ofPublic != 0 {
		list = append(list, right{grantee: public, holds: ofPublic})
	}
	return list
}

// add gives a grantee more.
func (r *rights) add(grantee oid, holds, passes privilege) {
	for i := range r.list {
		if r.list[i].grantee == grantee {
			r.list[i].holds |= holds
			r.list[i].passes |= passes
			return
		}
	}
	r.list = append(r.list, right{grantee, holds, passes})
}

// parseRights reads "16384=SELECT* 0=USAGE", one word for each aclitem's
// privilege as aclexplode lists them. A privilege that has nothing to do with
// reading is left out.
func parseRights(text []byte) ([]right, error) {
	var r rights
	for _, word := range bytes.Fields(text) {
		grantee, name, found := bytes.Cut(word, []byte{'='})
		if !found || len(grantee) == 0 {
			return nil, fmt.Errorf("%d bytes that are no list of rights", len(text))
		}
		who, err := answer.Number(grantee, answer.MaxOID)
		if err != nil {
			return nil, fmt.Errorf("a list of rights: %w", err)
		}
		name, passes := bytes.CutSuffix(name, []byte{'*'})
		holds := privilegeNames[string(name)]
		if holds == 0 {
			continue
		}
		passed := privilege(0)
		if passes {
			passed = holds
		}
		r.add(oid(who), holds, passed)
	}
	return r.list, nil
}
