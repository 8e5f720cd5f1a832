package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// The table that COPY moves has rows of one shape: an int, a bigint and 96
// characters. A row is as long in COPY's text format as in its binary format:
//
//	text:   7 digits, tab, 16 digits, tab, 96 characters, newline
//	binary: count of fields, then each with its length: 2 + (4+4) + (4+8) + (4+96)
const (
	rowBytes  = 122
	firstID   = 1_000_000
	firstTime = 1_000_000_000_000_000
	noteBytes = 96
)

// accounts are the rows of pgbench_accounts at a scale of 1.
const accounts = 100_000

const createRows = `CREATE UNLOGGED TABLE bench_rows (id int, at bigint, note text);
CREATE UNLOGGED TABLE bench_target (id int, at bigint, note text)`

// fill makes the tables that the cases need.
func (s *stage) fill(ctx context.Context, cases []benchCase) error {
	s.say("filling the tables")
	if err := s.pgbenchTables(ctx); err != nil {
		return err
	}
	if err := s.admin(ctx, createRows); err != nil {
		return err
	}
	for _, c := range cases {
		if !c.needsRows {
			continue
		}
		const insert = `INSERT INTO bench_rows SELECT %d + i, %d + i, repeat(md5(i::text), 3) FROM generate_series(0, %d) i`
		if err := s.admin(ctx, fmt.Sprintf(insert, firstID, firstTime, s.options.sizes.rows-1), "VACUUM (FREEZE, ANALYZE) bench_rows"); err != nil {
			return err
		}
		break
	}
	if err := s.fillPeople(ctx, cases); err != nil {
		return err
	}
	return s.admin(ctx, "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+group, "CHECKPOINT")
}

// pgbenchTables lets pgbench make its own tables.
func (s *stage) pgbenchTables(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.program("pgbench"), "-i", "-q", "-I", "dtGvp", "-s", strconv.Itoa(s.options.sizes.scale))
	cmd.Env = []string{
		"LC_ALL=C", "PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(s.server.Port()), "PGUSER=" + s.server.Superuser(),
		"PGPASSWORD=" + s.server.Password(), "PGDATABASE=" + database, "PGSSLMODE=disable",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fill pgbench's tables: %w\n%s", err, out)
	}
	return nil
}

// program is the path of a client program of the server's own version.
func (s *stage) program(name string) string { return filepath.Join(s.server.Binaries, name) }

// note is what a row holds besides its numbers.
var note = strings.Repeat("0123456789abcdef", noteBytes/16)

// textRow is a row in COPY's text format.
func textRow(i int) []byte {
	return fmt.Appendf(nil, "%d\t%d\t%s\n", firstID+i, firstTime+i, note)
}

// binaryRow is a row in COPY's binary format; see "Binary Format" in the
// documentation of COPY.
func binaryRow(i int) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, 3)
	b = binary.BigEndian.AppendUint32(b, 4)
	b = binary.BigEndian.AppendUint32(b, uint32(firstID+i))
	b = binary.BigEndian.AppendUint32(b, 8)
	b = binary.BigEndian.AppendUint64(b, uint64(firstTime+i))
	b = binary.BigEndian.AppendUint32(b, noteBytes)
	return append(b, note...)
}

// binaryHead begins COPY's binary format: signature, no flags, no extension.
var binaryHead = append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)

// binaryTail ends it.
var binaryTail = []byte{0xff, 0xff}

// copyPiece is how many bytes a CopyData message of ours holds at most, as
// psql sends them.
const copyPiece = 8192

// copyBlock is a number of rows as CopyData messages of whole rows.
func copyBlock(rows int, row func(int) []byte) []byte {
	var block, piece bytes.Buffer
	flush := func() {
		block.Write(copyData(piece.Bytes()))
		piece.Reset()
	}
	for i := range rows {
		if piece.Len()+rowBytes > copyPiece {
			flush()
		}
		piece.Write(row(i))
	}
	flush()
	return block.Bytes()
}

// copyData frames bytes as one CopyData message.
func copyData(body []byte) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{'d'}, uint32(len(body)+4))
	return append(frame, body...)
}
