package transfer

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/mask"
)

// carriable refuses what cannot be made again, and says what will be missing. row is
// what askRelation reads.
func (rd *reader) carriable(r *relation, row []string) error {
	asQuery := "copy it as a query, SELECT ... FROM " + r.title()
	switch kind := row[1]; {
	case row[10] == "t":
		return &Refusal{r.title(), "it belongs to PostgreSQL itself", asQuery}
	case kind == "v" || kind == "m":
		return &Refusal{r.title(), "it is a view", asQuery}
	case kind == "f":
		return &Refusal{r.title(), "it is a foreign table, whose rows are on another server", asQuery}
	case kind != "r" && kind != "p":
		return &Refusal{r.title(), "it is no table", "name a table"}
	case row[2] == "t":
		return &Refusal{r.title(), "it is a temporary table, which only its own session sees", "make it a table"}
	case row[13] == "t":
		return hidden(r)
	case row[8] == "t":
		return &Refusal{r.title(), "it inherits, or others inherit from it", asQuery}
	}
	if row[2] == "u" {
		rd.warn("%s is unlogged; its copy is logged", r.title())
	}
	if row[3] == "t" {
		rd.warn("%s is a partition; its copy is a table by itself", r.title())
	}
	if row[9] != "heap" {
		rd.warn("%s is stored by the access method %s; its copy is a heap", r.title(), printable(row[9]))
	}
	if row[11] == "t" || row[12] == "t" {
		rd.warn("triggers and rules of %s are code and are not carried", r.title())
	}
	if row[14] != "" {
		rd.warn("these of %s are not carried: %s", r.title(), row[14])
	}
	return nil
}

// hidden refuses a table of which the role sees only some rows: a copy of those would
// pass for the whole.
func hidden(r *relation) error {
	return &Refusal{r.title(), "its row-level security applies to the role that reads, which may not see all rows", "copy the rows that it sees as a query, or read as a role that sees all"}
}

// choose leaves the columns that the item names, with their masks.
func (rd *reader) choose(r *relation, it *Item) error {
	for name := range it.Masks {
		if r.column(name) == nil {
			return &Refusal{r.title(), "there is a mask for column " + printable(name) + ", which it does not have", "check the name"}
		}
	}
	for _, x := range r.all() {
		if len(it.Columns) > 0 {
			if err := rd.only(x, it.Columns, it.Generated); err != nil {
				return err
			}
		}
		for _, c := range x.columns {
			if text, ok := it.Comments[c.name]; ok {
				c.comment = text
			}
		}
	}
	if text, ok := it.Comments[""]; ok {
		r.comment = text
	}
	return nil
}

// only leaves out columns, and what needs them. generated ones whose columns stay may
// stay too.
func (rd *reader) only(r *relation, names []string, generated bool) error {
	want := map[string]bool{}
	for _, n := range names {
		if r.column(n) == nil || want[n] {
			return &Refusal{r.title(), "it has no column " + printable(n) + " to copy, or it is named twice", "check the names"}
		}
		want[n] = true
	}
	var left []*column
	for _, c := range r.columns {
		follows := generated && c.generated != "" && !slices.ContainsFunc(c.uses, func(name string) bool { return !want[name] })
		if want[c.name] || follows {
			left = append(left, c)
		}
	}
	r.columns = left
	for _, c := range left {
		if c.generated != "" && !r.has(c.uses) {
			return &Refusal{r.title(), "column " + printable(c.name) + " is generated from columns that are not copied", "name those too, or leave it out"}
		}
	}
	return nil
}

// setMasks gives every column its mask, or the one that changes nothing. A
// generated column is computed from masked values where those that it reads have
// masks, all of them; otherwise its own could not hold.
func setMasks(r *relation, masks map[string]mask.Mask) error {
	for _, x := range r.all() {
		for _, c := range x.columns {
			c.mask = mask.Mask{Kind: mask.Pass}
			if m, ok := masks[c.name]; ok && c.generated == "" {
				c.mask = m
			}
		}
		for _, c := range x.columns {
			if m, ok := masks[c.name]; c.generated == "" || !ok || !m.Masks() {
				continue
			}
			for _, u := range c.uses {
				if s := x.column(u); s == nil || !s.mask.Masks() {
					return &Refusal{x.title(), "column " + printable(c.name) + " is to be masked, and is generated from column " + printable(u) + ", which is not",
						"mask that too, or leave the generated column out"}
				}
			}
		}
	}
	return nil
}
