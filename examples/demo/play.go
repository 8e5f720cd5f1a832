package demo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// requestID finds the id in a refusal.
var requestID = regexp.MustCompile(`\[req ([a-z0-9]{8,})\]`)

// player plays the story.
type player struct {
	out     io.Writer
	servers *Servers
	work    *workplace
	vault   *inVault
	sluice  []string
	// chapters is how many have begun.
	chapters int
	// deeds are what people have done to the copy.
	deeds  []moment
	ids    []string // of the refusals so far
	quoted string   // the id of the first refusal that quoted a measurement
}

// play runs the whole story; the first thing that is not as it should be ends
// it.
func play(ctx context.Context, o Options, w *workplace, s *Servers, proxy *runningProxy, vault *inVault, dsn string) error {
	p := &player{out: o.Stdout, servers: s, work: w, vault: vault, sluice: o.Sluice}
	fmt.Fprintf(p.out, "Sluice stands in front of shop.\n\n  $ psql %q\n", dsn)
	if err := p.session(ctx, dsn); err != nil {
		return err
	}
	if err := p.afterwards(ctx, proxy); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "\nEvery step was as it should be.")
	return nil
}

// session plays what happens in the one psql session.
func (p *player) session(ctx context.Context, dsn string) (err error) {
	psql, err := startPsql(ctx, p.servers.Shop.Binaries, dsn, p.work)
	if err != nil {
		return err
	}
	defer func() {
		if quit := psql.quit(); err == nil {
			err = quit
		}
	}()
	for _, chapter := range p.vault.story(story(p.work.scene(p.servers))) {
		p.begin(chapter.title)
		for _, step := range chapter.steps {
			if err := p.step(ctx, psql, step); err != nil {
				return fmt.Errorf("%q: %w", cmp.Or(step.types, strings.Join(step.runs, " ")), err)
			}
		}
	}
	return nil
}

// begin begins a chapter.
func (p *player) begin(title string) {
	p.chapters++
	fmt.Fprintf(p.out, "\n%d. %s\n", p.chapters, title)
}

// step plays one step and shows it.
func (p *player) step(ctx context.Context, psql *psql, s step) error {
	if s.say != "" {
		p.tell(s.say)
	}
	if len(p.ids) > 0 {
		s.types = strings.ReplaceAll(s.types, lastID, p.ids[len(p.ids)-1])
	}
	if s.runs != nil {
		return p.command(ctx, 0, s.shows, s.runs...)
	}
	fmt.Fprintf(p.out, "\n     %s %s\n", prompts[s.who], s.types)
	typed := time.Now()
	if s.deed != "" {
		p.deeds = append(p.deeds, moment{typed, s.deed, true})
	}
	got, err := p.answer(ctx, psql, s)
	if err != nil {
		return err
	}
	if s.carried {
		p.show(got.err+got.out, 0) // in the order of time
	} else {
		p.show(got.out+got.err, s.reads)
	}
	if err := s.judge(got); err != nil {
		return err
	}
	if s.refused {
		id := requestID.FindStringSubmatch(got.err)[1]
		p.ids = append(p.ids, id)
		if p.quoted == "" && slices.Contains(s.shows, measured) {
			p.quoted = id
		}
		fmt.Fprintf(p.out, "   [ok] refused with SQLSTATE %s\n", got.state)
	}
	for _, t := range s.truths {
		if err := p.lookUpFrom(ctx, t, typed); err != nil {
			return err
		}
	}
	return nil
}

// lookUpFrom checks a truth about what was typed at a time, and says so.
func (p *player) lookUpFrom(ctx context.Context, t truth, typed time.Time) error {
	when := ""
	if t.soon {
		if err := p.eventually(ctx, t, reactTimeout); err != nil {
			return err
		}
		when = fmt.Sprintf(" (%.1f s later)", time.Since(typed).Seconds())
	} else if err := p.lookUp(ctx, t); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "   [ok] looked up: %s%s\n", t.say, when)
	return nil
}

// answer is what comes back to what somebody types: alice has a session, others begin
// one for each step.
func (p *player) answer(ctx context.Context, psql *psql, s step) (got answer, err error) {
	if s.who == alice {
		return psql.types(ctx, s.types)
	}
	own, err := startPsql(ctx, p.servers.Shop.Binaries, p.work.dsns[s.who], p.work)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, own.quit()) }()
	return own.types(ctx, s.types)
}

// judge compares an answer with what the story says.
func (s step) judge(got answer) error {
	all := got.out + got.err
	switch {
	case s.refused && got.state != refusedState:
		return fmt.Errorf("it was to be refused with SQLSTATE %s, and came back with %s", refusedState, got.state)
	case s.refused && !strings.HasPrefix(got.err, "ERROR:  sluice: "):
		return errors.New("the refusal is not in Sluice's words")
	case s.refused && !requestID.MatchString(got.err):
		return errors.New("the refusal has no request id")
	case s.refused && got.out != "":
		return errors.New("it was refused, and rows came out all the same")
	case s.denied && (got.state != refusedState || got.out != "" || !strings.HasPrefix(got.err, "ERROR:  permission denied")):
		return fmt.Errorf("the server was to deny it, and it came back with %s", got.state)
	case s.carried && !strings.HasPrefix(got.err, "NOTICE:  sluice: "):
		return errors.New("Sluice does not say what becomes of the copy")
	case !s.refused && !s.denied && (got.err != "" && !s.carried || got.state != "00000" && got.state != "none"):
		return fmt.Errorf("it was to work, and came back with SQLSTATE %s", got.state)
	}
	for _, words := range s.shows {
		// psql keeps a message's lines as they come, so breaks count as
		// spaces.
		if !strings.Contains(strings.Join(strings.Fields(all), " "), words) {
			return fmt.Errorf("the answer does not show %q", words)
		}
	}
	if n := strings.Count(got.out, "\n"); s.lines != 0 && n != s.lines {
		return fmt.Errorf("%d lines came back where %d were due", n, s.lines)
	}
	return nil
}

// lookUp checks a truth without Sluice.
func (p *player) lookUp(ctx context.Context, t truth) error {
	if t.absent != "" {
		info, err := os.Stat(t.absent)
		if err == nil && info.Size() > 0 {
			return fmt.Errorf("%s has %d bytes", t.absent, info.Size())
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("looking for a file: %w", err)
		}
		return nil
	}
	got, err := p.ask(ctx, t)
	switch {
	case err != nil:
		return fmt.Errorf("looking up whether %s: %w", t.say, err)
	case t.hides != "":
		return isHidden(got, t.hides)
	case strings.Join(got, "\n") != t.want:
		return fmt.Errorf("it does not hold that %s: %q instead of %q", t.say, got, t.want)
	}
	return nil
}

// ask gives the rows of a truth's query.
func (p *player) ask(ctx context.Context, t truth) ([]string, error) {
	server, database := p.servers.Shop, "shop"
	switch t.on {
	case analytics:
		server, database = p.servers.Analytics, "analytics"
	case sandbox:
		server, database = p.servers.Sandbox, "sandbox"
	}
	rows, err := server.Query(ctx, database, t.sql)
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row, " "))
	}
	return got, err
}

// isHidden looks for values in a file, which must have content.
func isHidden(values []string, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("looking into a file: %w", err)
	}
	if len(content) == 0 || len(values) == 0 {
		return fmt.Errorf("%s has %d bytes, and %d values were to be looked for", file, len(content), len(values))
	}
	for _, value := range values {
		if bytes.Contains(content, []byte(value)) {
			return fmt.Errorf("%q is in %s", value, file)
		}
	}
	return nil
}

// goneTimeout is how long a login may outlive its session, reactTimeout how long
// Sluice may take to notice and do what a copy needs.
const (
	goneTimeout  = 10 * time.Second
	reactTimeout = time.Minute
)

// eventually looks a truth up until it holds.
func (p *player) eventually(ctx context.Context, t truth, within time.Duration) error {
	for deadline := time.Now().Add(within); ; {
		err := p.lookUp(ctx, t)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
