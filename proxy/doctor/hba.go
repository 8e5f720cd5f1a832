package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// hbaRule is one rule of pg_hba.conf, as the view pg_hba_file_rules shows it.
type hbaRule struct {
	line, kind, databases, users, address, netmask, method, broken string
}

// String is the rule as it stands in the file, with its line.
func (r hbaRule) String() string {
	words := []string{r.kind, r.databases, r.users}
	if r.address != "" {
		address := r.address
		if p, ok := r.network(); ok && !p.IsSingleIP() {
			address = p.String()
		}
		words = append(words, address)
	}
	return "line " + r.line + ": " + strings.Join(append(words, r.method), " ")
}

// network is the network that a rule admits, if it is given in numbers.
func (r hbaRule) network() (netip.Prefix, bool) {
	address, err := netip.ParseAddr(r.address)
	if err != nil {
		return netip.Prefix{}, false
	}
	mask, err := netip.ParseAddr(r.netmask)
	if err != nil {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	bits := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(address, bits), true
}

// admitsOthers tells whether a rule lets machines in that are neither the
// server's own nor the proxy's.
func (r hbaRule) admitsOthers(proxy netip.Addr) bool {
	if r.kind == "local" || r.address == "samehost" {
		return false
	}
	p, ok := r.network()
	if !ok {
		return true // all, samenet, a host name
	}
	if p.Addr().IsLoopback() && p.Bits() >= 8 {
		return false
	}
	return !p.IsSingleIP() || p.Addr().Unmap() != proxy.Unmap()
}

// lookAtHBA judges whom the server lets in besides the proxy.
func lookAtHBA(ctx context.Context, f *findings, server asker) {
	const name = "hba"
	const may = `SELECT has_table_privilege('pg_hba_file_rules', 'SELECT') AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE'),
  current_user, coalesce(host(inet_client_addr()), '')`
	rows, ok := rolesAsk(ctx, f, server, name, may)
	if !ok {
		return
	}
	if rows[0][0] != "t" {
		issuer := quote.Name(rows[0][1])
		f.unknown(name, "As a superuser:\nGRANT SELECT ON pg_hba_file_rules TO "+issuer+";\nGRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO "+issuer+";\n"+
			"or read pg_hba.conf yourself: it should admit the proxy's address only.", "%s may not see whom the server lets in", rows[0][1])
		return
	}
	const sql = `SELECT line_number, type, array_to_string(database, ','), array_to_string(user_name, ','),
  address, netmask, auth_method, error FROM pg_hba_file_rules ORDER BY line_number`
	found, ok := rolesAsk(ctx, f, server, name, sql)
	if !ok {
		return
	}
	var rules []hbaRule
	for _, r := range found {
		rules = append(rules, hbaRule{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]})
	}
	proxy, _ := netip.ParseAddr(rows[0][2])
	judgeHBA(f, rules, proxy)
}

// clear are methods whose password travels as it is.
var clear = map[string]bool{"password": true, "ldap": true, "pam": true, "radius": true, "bsd": true}

func judgeHBA(f *findings, rules []hbaRule, proxy netip.Addr) {
	const name = "hba"
	const reload = "\nthen SELECT pg_reload_conf();"
	var broken, open, local, plain, wide []string
	for _, r := range rules {
		tls := r.kind == "hostssl" || r.kind == "hostgssenc" || r.kind == "local"
		switch {
		case r.broken != "":
			broken = append(broken, "line "+r.line+": "+r.broken)
		case r.method == "reject":
		case r.method == "trust" && r.kind == "local":
			local = append(local, r.String())
		case r.method == "trust":
			open = append(open, r.String())
		case clear[r.method] && !tls:
			plain = append(plain, r.String())
		case r.admitsOthers(proxy):
			wide = append(wide, r.String())
		}
	}
	lines := func(list []string) string { return strings.Join(list, "\n") }
	if len(broken) > 0 {
		f.problem(name, "Correct pg_hba.conf,"+reload, "the server does not take its file, and lives with an older one:\n%s", lines(broken))
	}
	if len(open) > 0 {
		f.problem(name, "Write scram-sha-256 instead of trust in pg_hba.conf,"+reload, "the server lets in whoever says a name:\n%s", lines(open))
	}
	if len(local) > 0 {
		f.warning(name, "Write peer or scram-sha-256 instead of trust in pg_hba.conf,"+reload,
			"whoever reaches the server's socket gets in by saying a name:\n%s", lines(local))
	}
	if len(plain) > 0 {
		f.problem(name, "Write hostssl and scram-sha-256 in pg_hba.conf,"+reload, "passwords travel in the clear:\n%s", lines(plain))
	}
	if len(wide) > 0 {
		f.warning(name, fmt.Sprintf("Let pg_hba.conf admit the proxy only:\nhostssl all all %s scram-sha-256%s", hostOrWord(proxy), reload),
			"people can go around the proxy:\n%s", lines(wide))
	}
	if len(broken)+len(open)+len(local)+len(plain)+len(wide) == 0 {
		f.ok(name, "the server lets in its own machine and the proxy, with a password, %s", counted(len(rules), "rule"))
	}
}

func hostOrWord(a netip.Addr) string {
	if !a.IsValid() {
		return "ADDRESS-OF-THE-PROXY/32"
	}
	return netip.PrefixFrom(a, a.BitLen()).String()
}
