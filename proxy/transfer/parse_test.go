package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func FuzzDataRow(f *testing.F) {
	f.Add(tuple([]byte("a"), nil))
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := dataRow(nil, body)
		if err != nil {
			return
		}
		if again := tuple(fields...); !bytes.Equal(again, body) {
			t.Fatalf("%x is read as %x", body, again)
		}
	})
}

func FuzzServerError(f *testing.F) {
	encoded, err := (&pgproto3.ErrorResponse{Severity: "ERROR", Code: "22P02", Message: "invalid input: \"secret\"", Detail: "Key (c)=(secret)", Where: "COPY x: secret"}).Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded[5:])
	f.Fuzz(func(t *testing.T, body []byte) {
		err := serverError(body)
		if err == nil {
			t.Fatal("no error")
		}
		if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") || len(err.Error()) > 3*maxWords {
			t.Fatalf("%q is not clean", err)
		}
		var e *pgconn.PgError
		if errors.As(err, &e) && (e.Detail != "" || e.Where != "" || e.InternalQuery != "" || e.Hint != "" || quoting(e.Code) && e.Message != withheld) {
			t.Fatalf("%+v could quote a row", e)
		}
	})
}

func FuzzCopyOf(f *testing.F) {
	id := strings.Repeat("a", 26)
	for _, s := range []string{stageName(id, 0), stageName(id, 12), stagePrefix, stagePrefix + id + "_01", "public"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, schema string) {
		got, ok := copyOf(schema)
		if !ok {
			return
		}
		n := 0
		if rest := strings.TrimPrefix(schema, stagePrefix+got); rest != "" {
			if _, err := fmt.Sscanf(rest, "_%d", &n); err != nil {
				t.Fatal(err)
			}
		}
		if !validCopy(got) || stageName(got, n) != schema {
			t.Fatalf("%q is taken for that of %q", schema, got)
		}
	})
}

func FuzzBehindTable(f *testing.F) {
	f.Add("CREATE UNIQUE INDEX x ON s.t USING btree (a)", true, "x", "s", "t")
	f.Add(`CREATE INDEX "x y" ON ONLY "S"."T." USING gin (a)`, false, `"x y"`, `"S"`, `"T."`)
	f.Fuzz(func(t *testing.T, definition string, unique bool, name, schema, table string) {
		rest, err := behindTable(definition, unique, name, schema, table)
		if err != nil {
			return
		}
		word := "CREATE INDEX "
		if unique {
			word = "CREATE UNIQUE INDEX "
		}
		for _, only := range []string{"", "ONLY "} {
			if definition == word+name+" ON "+only+schema+"."+table+" "+rest {
				return
			}
		}
		t.Fatalf("%q is not the end of %q", rest, definition)
	})
}

func TestNameable(t *testing.T) {
	if nameable("") || nameable(strings.Repeat("x", 64)) || nameable("a\x00") || !nameable(strings.Repeat("x", 63)) {
		t.Error("names that PostgreSQL would not keep pass, or one that it keeps does not")
	}
}

func TestPartsCoverAllPages(t *testing.T) {
	w := &works{c: &carrier{job: &Job{Streams: 4, PartSize: 10}}, share: 100}
	for _, c := range []struct{ bytes, pages, want uint64 }{{100, 50, 1}, {141, 50, 2}, {400, 50, 4}, {400, 2, 2}, {15, 1, 1}, {0, 0, 1}, {1000, 77, 10}} {
		parts := w.split(c.bytes, c.pages)
		if uint64(len(parts)) != c.want {
			t.Errorf("%d bytes in %d pages make %d parts", c.bytes, c.pages, len(parts))
		}
		next := uint64(0)
		for i, p := range parts {
			if p.from != next || (p.to == 0) != (i == len(parts)-1) || p.to != 0 && p.to <= p.from {
				t.Errorf("part %d of %d pages is %+v", i, c.pages, p)
			}
			next = p.to
		}
	}
}

func TestBoardEnds(t *testing.T) {
	b := newBoard()
	b.put(&task{kind: toCompare, weight: 9}, &task{kind: toLoad, weight: 1}, &task{kind: toLoad, weight: 2})
	first, second := b.take(), b.take()
	if first.weight != 2 || second.weight != 1 {
		t.Errorf("took %d and %d first", first.weight, second.weight)
	}
	if b.done(first, nil) || !b.done(second, nil) {
		t.Error("it does not know when all is loaded")
	}
	third := b.take()
	waiting := make(chan *task)
	go func() { waiting <- b.take() }()
	b.put(&task{kind: toIndex})
	if fourth := <-waiting; fourth == nil || third.weight != 9 {
		t.Error("a task that another put up is not taken")
	}
	go func() { waiting <- b.take() }()
	b.done(third, errors.New("failed"))
	if <-waiting != nil {
		t.Error("a task is taken after one has failed")
	}
}
