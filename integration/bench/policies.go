package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// The policies with which Sluice takes turns beside the usual one. All of them
// let the same tables out.
const (
	// policyPlain knows of no class, so that no statement has its names looked
	// up.
	policyPlain = "plain"
	// policyStatic puts masks without a key on 2 of 12 columns, policyCoarse
	// those that keep part of a value on 3.
	policyStatic = "static"
	policyCoarse = "coarse"
	// policyKeyed puts keyed pseudonyms on 2 of 12 columns.
	policyKeyed = "keyed"
	// policyCounted masks nothing, and counts rows, bytes and subjects of two
	// classes.
	policyCounted = "counted"
)

var policies = []string{policyPlain, policyStatic, policyCoarse, policyKeyed, policyCounted}

// maskKeys are the configuration's lines for the key of pseudonyms.
const (
	maskKeys    = "mask_keys: [{name: default, file: mask.key}]\n"
	maskKeyFile = "mask.key"
)

const allowCopies = `  - id: bench-tables
    effect: allow
    kinds: [export_to_client]
    relations: [public.bench_rows, public.bench_people]
`

// usualPolicy is a policy as a small team would have it, so that every
// statement is held against rules, and allows what the cases do.
const usualPolicy = `version: 1
defaults:
  limits: {rows: unlimited, bytes: unlimited, duration: unlimited}
classes:
  contact.email: {description: e-mail addresses of customers}
  secret.token: {description: what opens a camera}
columns:
  - {columns: [public.users.email], class: contact.email}
  - {columns: [public.api_tokens.token], class: secret.token}
clients:
  - {name: here, networks: [127.0.0.0/8], accepts: [contact.*]}
rules:
  - id: no-addresses
    effect: deny
    kinds: [export_to_client]
    classes: [contact.*]
    message: Addresses do not leave in bulk.
` + allowCopies

const plainPolicy = `version: 1
defaults:
  limits: {rows: unlimited, bytes: unlimited, duration: unlimited}
rules:
` + allowCopies

// classedPolicy is what is before the rest of a policy that gives columns of
// bench_people classes: these, and none to all others.
const classedPolicy = `version: 1
defaults:
  limits: {rows: unlimited, bytes: unlimited, duration: unlimited}
classes:
%[1]scolumns:
%[2]s  - {columns: ["public.bench_people.*"], class: none}
`

// classOf are the classes that columns of bench_people have under policies that
// give them any.
var classOf = map[string]string{
	"email": "contact.email", "name": "person.name", "token": "secret.token", "ssid": "network.ssid",
	"born": "person.birth", "height": "health.body",
}

const maskAll = `rules:
  - {id: masked, effect: mask, kinds: [export_to_client, ordinary_read], limits: {rows: unlimited, bytes: unlimited}}
`

// policyText is a policy by its name; the usual one has none.
func policyText(name string) string {
	switch name {
	case policyPlain:
		return plainPolicy
	case policyStatic:
		return classed("email", "token") + `masks:
  - {classes: [secret.*], mask: null}
  - {classes: [contact.email], mask: constant, value: x@m.invalid}
` + maskAll
	case policyCoarse:
		return classed("name", "born", "height") + `masks:
  - {classes: [person.name], mask: partial, keep_first: 1}
  - {classes: [person.birth], mask: date, to: year}
  - {classes: [health.body], mask: band, width: 10}
` + maskAll
	case policyKeyed:
		return classed("email", "ssid") + `masks:
  - {classes: [contact.email], mask: pseudonym, domain: email}
  - {classes: [network.ssid], mask: pseudonym, domain: network, as: token}
` + maskAll
	case policyCounted:
		return classed("email", "ssid") + `subjects: {public.bench_people: id}
budgets:
  - {id: people-per-day, classes: ["*"], window: 24h, rows: 1000000000, bytes: 1000GiB, subjects: 1000000000}
rules:
` + allowCopies
	}
	return usualPolicy
}

// classed begins a policy that gives these columns of bench_people classes.
func classed(columns ...string) string {
	var classes, entries strings.Builder
	for _, name := range columns {
		fmt.Fprintf(&classes, "  %s: {}\n", classOf[name])
		fmt.Fprintf(&entries, "  - {columns: [public.bench_people.%s], class: %s}\n", name, classOf[name])
	}
	return fmt.Sprintf(classedPolicy, classes.String(), entries.String())
}

// newMaskKey is a key as openssl rand -hex 32 writes it.
func newMaskKey() string {
	var key [32]byte
	rand.Read(key[:])
	return hex.EncodeToString(key[:]) + "\n"
}
