// Package mask holds policy/mask to real servers: what they write in every
// format of COPY and of rows is masked, loaded again under the same
// constraints, and compared with what SQL says should have come of it.
package mask
