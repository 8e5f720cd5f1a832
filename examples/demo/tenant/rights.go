package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// right is what the token must be allowed at a path.
type right struct {
	path         string
	capabilities []string
}

// rights are all that Settle and Leave use, but for the token's own.
func (v *Vault) rights() []right {
	return []right{
		{"sys/mounts/" + v.name, []string{"update", "delete"}},
		{"sys/auth/" + v.name, []string{"read", "update", "delete", "sudo"}},
		{"sys/policies/acl/" + v.name, []string{"update", "delete"}},
		{"sys/policies/acl/" + v.sessionPolicy(), []string{"update", "delete"}},
		{"sys/leases/lookup", []string{"update"}},
		{v.name + "/config/" + connection, []string{"create"}},
		{v.name + "/rotate-root/" + connection, []string{"update"}},
		{v.name + "/roles/" + SessionRole, []string{"create"}},
		{v.name + "/roles/" + ControlRole, []string{"create"}},
		{v.name + "/roles/" + CatalogRole, []string{"create"}},
		{v.approle(), []string{"create"}},
		{v.approle() + "/role-id", []string{"read"}},
		{v.approle() + "/secret-id", []string{"update"}},
		{entityLookup, []string{"update"}},
		{entityByID + "x", []string{"delete"}},
	}
}

// checkRights asks what the token may do. Somebody who may make a thing and not
// remove it is told before it is made.
func (v *Vault) checkRights(ctx context.Context) error {
	var paths []string
	for _, r := range v.rights() {
		paths = append(paths, r.path)
	}
	answer, err := v.write(ctx, "sys/capabilities-self", map[string]any{"paths": paths})
	if err != nil {
		return v.explain("asking what the token may do", err)
	}
	if answer == nil {
		return fmt.Errorf("Vault does not say what the token of %s may do", v.options.TokenFrom)
	}
	var missing []string
	for _, r := range v.rights() {
		if lacks := lacking(r.capabilities, answer.Data[r.path]); len(lacks) > 0 {
			missing = append(missing, fmt.Sprintf("  %s on %s", strings.Join(lacks, ", "), r.path))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the token of %s may not do in Vault what the demo needs; it lacks (the name is another each time)\n%s",
			v.options.TokenFrom, strings.Join(missing, "\n"))
	}
	return nil
}

// lacking are the wanted capabilities that are not among the given ones.
func lacking(wanted []string, given any) []string {
	list, _ := given.([]any)
	if slices.Contains(list, any("root")) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(one string) bool { return slices.Contains(list, any(one)) })
}
