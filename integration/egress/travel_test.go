package egress

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/egress"
	"github.com/sluice-pg/sluice/proxy/proxytest"
)

// journey is what came of a road.
type journey struct {
	// arrived says that the canary is where it should not be.
	arrived bool
	// shown says that the client read what the road shows when it works.
	shown bool
	// gone says that the protection is gone.
	gone bool
	// code, message and detail are the first error that the client read.
	code, message, detail string
	// worded says that the canary was in an error or a notice.
	worded bool
	// cut says that the connection ended.
	cut bool
}

// worked says that the road leads out.
func (j journey) worked() bool { return j.arrived || j.shown || j.gone }

// traveller is one client on one road.
type traveller struct {
	lane   *lane
	road   egress.Road
	names  egress.Names
	beside *beside
	client *proxytest.RawClient
	frames []proxytest.Frame
	// owed says that messages were sent whose answer was not waited for.
	owed bool
}

// travel does everything around a road and the road itself.
func (l *lane) travel(t *testing.T, road egress.Road, beside *beside) journey {
	t.Helper()
	v := &traveller{lane: l, road: road, names: maps.Clone(l.names), beside: beside}
	v.names["new"] = "x_" + strings.ReplaceAll(road.ID, "-", "_") + "_" + l.way.name[:1] + l.shape[:2]
	for _, sql := range road.Suite.Stage {
		v.must(t, sql)
	}
	if v.gone(t) {
		t.Errorf("%s, %s: the protection was gone before", l.database, road.ID)
	}
	beside.told = false
	j := v.walk(t)
	j.gone = v.gone(t)
	j.arrived = v.arrived(t)
	for _, sql := range road.Suite.Undo {
		v.must(t, sql)
	}
	v.clean(t)
	return j
}

// clean empties what roads write to.
func (v *traveller) clean(t *testing.T) {
	t.Helper()
	v.must(t, "DELETE FROM public.staging; DELETE FROM public.order_log; DELETE FROM public.audit_log; DELETE FROM public.defaulted; DELETE FROM public.uniq")
	if _, err := answer(t, v.beside.afar, "DELETE FROM public.inbox"); err != nil {
		t.Errorf("%s, %s: %v", v.lane.database, v.road.ID, err)
	}
}

func (v *traveller) must(t *testing.T, sql string) {
	t.Helper()
	if _, err := v.ask(t, sql); err != nil {
		t.Errorf("%s, %s: %s: %v", v.lane.database, v.road.ID, sql, err)
	}
}

// ask runs SQL beside the road and returns all that it answers.
func (v *traveller) ask(t *testing.T, sql string) ([]byte, error) {
	t.Helper()
	filled, err := v.names.Fill(sql)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, v.beside.here, filled)
}

// answer runs SQL and returns all that it answers.
func answer(t *testing.T, conn *pgconn.PgConn, sql string) ([]byte, error) {
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	var all []byte
	for _, result := range results {
		for _, row := range result.Rows {
			all = append(append(all, bytes.Join(row, []byte("|"))...), '\n')
		}
	}
	return all, err
}

// gone asks whether the protection is gone.
func (v *traveller) gone(t *testing.T) bool {
	t.Helper()
	if v.road.Suite.Gone == "" {
		return false
	}
	said, err := v.ask(t, v.road.Suite.Gone)
	if err != nil {
		t.Errorf("%s, %s: %v", v.lane.database, v.road.ID, err)
	}
	return string(said) == "t\n"
}

// arrived looks for the canary in what the client read, and where the road leads.
func (v *traveller) arrived(t *testing.T) bool {
	t.Helper()
	for _, f := range v.frames {
		if holdsCanary(f.Body) {
			return true
		}
	}
	if v.road.Suite.Notified {
		if _, err := v.ask(t, "SELECT 1"); err != nil {
			t.Error(err)
		}
		return v.beside.told
	}
	if v.road.Suite.See == "" {
		return false
	}
	ask := v.ask
	if v.road.Suite.SeeElsewhere {
		ask = func(t *testing.T, sql string) ([]byte, error) { return answer(t, v.beside.afar, sql) }
	}
	said, err := ask(t, v.road.Suite.See)
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("%s, %s: %v", v.lane.database, v.road.ID, err)
	}
	return holdsCanary(said)
}

// walk connects and takes every step.
func (v *traveller) walk(t *testing.T) journey {
	t.Helper()
	if err := v.connect(t); err != nil {
		if !errors.Is(err, proxytest.ErrRefused) && !proxytest.Closed(err) {
			t.Errorf("%s, %s: %v", v.lane.database, v.road.ID, err)
		}
		return v.saw()
	}
	defer v.client.Close()
	cut := false
	for _, step := range v.road.Steps {
		if err := v.step(t, step); err != nil {
			if !proxytest.Closed(err) {
				t.Errorf("%s, %s: %s: %v", v.lane.database, v.road.ID, step.Text, err)
			}
			cut = true
			break
		}
	}
	if !cut && v.owed {
		cut = v.settle() != nil
	}
	if !cut {
		_ = v.client.SendFrames(proxytest.Frame{Type: 'X'}) // it is over either way
	}
	j := v.saw()
	j.cut = cut
	return j
}

func (v *traveller) connect(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	target := v.lane.target
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(target.Port)))
	if err != nil {
		return err
	}
	v.client = proxytest.NewRawClient(conn)
	line := fmt.Sprintf("Startup 3.0 user=%s database=%s application_name=%s", target.User, target.Database, v.road.ID)
	for _, parameter := range v.road.Startup {
		line += " " + parameter
	}
	err = v.send(t, line)
	if err == nil {
		var seen []proxytest.Frame
		seen, err = v.client.Authenticate(target.Password)
		v.frames = append(v.frames, seen...)
	}
	if err == nil {
		// What a login reports is no answer to a step, unless the step is the login.
		_, err = v.receive()
	}
	if err != nil {
		conn.Close()
	}
	return err
}

func (v *traveller) send(t *testing.T, line string) error {
	t.Helper()
	filled, err := v.names.Fill(line)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proxytest.ParseMessage(filled)
	if err != nil {
		t.Fatalf("%s: %v", v.road.ID, err)
	}
	return v.client.Send(b)
}

// step takes one step, and waits for its answer if it is sure to have one.
func (v *traveller) step(t *testing.T, s egress.Step) error {
	t.Helper()
	if s.SQL {
		filled, err := v.names.Fill(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.client.SendFrames(proxytest.Frame{Type: 'Q', Body: append([]byte(filled), 0)}); err != nil {
			return err
		}
		for {
			last, err := v.receive()
			if err != nil || last.Type != 'G' {
				return err
			}
			if err := v.client.SendFrames(proxytest.Frame{Type: 'd', Body: []byte(v.row())}, proxytest.Frame{Type: 'c'}); err != nil {
				return err
			}
		}
	}
	if err := v.send(t, s.Text); err != nil {
		return err
	}
	word, _, _ := strings.Cut(s.Text, " ")
	switch word {
	case "Sync", "Query", "FunctionCall":
		_, err := v.receive()
		return err
	case "Frame", "CopyFail":
		v.owed = true
	}
	return nil
}

// settle asks one more question and reads all that comes up to its answer.
func (v *traveller) settle() error {
	const end = "the end of the road"
	if err := v.client.SendFrames(proxytest.Frame{Type: 'Q', Body: []byte("SELECT '" + end + "'\x00")}); err != nil {
		return err
	}
	for {
		from := len(v.frames)
		if _, err := v.receive(); err != nil {
			return err
		}
		for _, f := range v.frames[from:] {
			if f.Type == 'D' && bytes.Contains(f.Body, []byte(end)) {
				return nil
			}
		}
	}
}

// row is what a client copies in. Where the road leads to another server, it has
// the canary.
func (v *traveller) row() string {
	if v.road.Suite.SeeElsewhere {
		return "1\t" + canary + "\n"
	}
	return "1\tx\n"
}

// receive reads up to the end of an answer, or to where the client has to copy in.
func (v *traveller) receive() (proxytest.Frame, error) {
	for {
		f, err := v.client.Receive()
		if err != nil {
			return f, err
		}
		v.frames = append(v.frames, f)
		if f.Type == 'Z' || f.Type == 'G' {
			return f, nil
		}
	}
}

// saw reads the journey out of the messages.
func (v *traveller) saw() journey {
	var j journey
	shows := ""
	if v.road.Suite.Shows != "" {
		shows, _ = v.names.Fill(v.road.Suite.Shows) // it was filled with the rest
	}
	for _, f := range v.frames {
		if f.Type == 'E' && j.code == "" {
			fields := errorFields(f.Body)
			j.code, j.message, j.detail = fields['C'], fields['M'], fields['D']
		}
		j.worded = j.worded || (f.Type == 'E' || f.Type == 'N') && holdsCanary(f.Body)
		j.shown = j.shown || shows != "" && says(f, shows)
	}
	return j
}

// says reports whether a message says a text: a value, a column's name, a command
// tag, a report of a setting, or the code of an error.
func says(f proxytest.Frame, text string) bool {
	switch f.Type {
	case 'D':
		for _, value := range values(f.Body) {
			if value == text || len(text) > 2 && strings.Contains(value, text) {
				return true
			}
		}
	case 'C':
		return strings.TrimRight(string(f.Body), "\x00") == text
	case 'T':
		return len(text) > 2 && bytes.Contains(f.Body, []byte(text))
	case 'E':
		return errorFields(f.Body)['C'] == text
	}
	return false
}

// values are those of a DataRow.
func values(body []byte) []string {
	var all []string
	for rest := body[2:]; len(rest) >= 4; {
		n := int32(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		if n >= 0 && int(n) <= len(rest) {
			all = append(all, string(rest[:n]))
			rest = rest[n:]
		}
	}
	return all
}

// errorFields are those of an ErrorResponse, by their types.
func errorFields(body []byte) map[byte]string {
	fields := map[byte]string{}
	for _, field := range bytes.Split(body, []byte{0}) {
		if len(field) > 0 {
			fields[field[0]] = string(field[1:])
		}
	}
	return fields
}
