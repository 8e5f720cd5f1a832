package proxytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// mainConn is the name of a connection that got none.
const mainConn = "main"

// play is one run of a script on one target.
type play struct {
	target Target
	conns  map[string]*RawClient
}

func (p *play) close() {
	for _, c := range p.conns {
		c.Close()
	}
}

// run runs a block and returns what came back as lines. On an error the
// lines are what had come until then.
func (p *play) run(ctx context.Context, b *block) ([]string, error) {
	words, err := tokenize(p.target.expand(b.head))
	if err != nil {
		return nil, err
	}
	directive, words := words[0], words[1:]
	switch directive.text {
	case "admin":
		return p.admin(ctx, strings.Join(b.input, "\n"))
	case "await":
		return nil, p.await(ctx, strings.Join(b.input, "\n"))
	}
	name, words := connName(words)
	switch directive.text {
	case "connect":
		return p.connect(ctx, name, words)
	case "dial":
		if _, err := p.dial(ctx, name, words); err != nil {
			return nil, err
		}
		return p.exchange(ctx, name, nil, b.input)
	case "send":
		return p.exchange(ctx, name, words, b.input)
	}
	return nil, fmt.Errorf("%q is no directive", directive.text)
}

func connName(words []token) (string, []token) {
	if len(words) > 0 && words[0].key == "" && !isFlag(words[0].text) {
		return words[0].text, words[1:]
	}
	return mainConn, words
}

func isFlag(word string) bool { return word == "messages" || word == "verbose" }

func (p *play) admin(ctx context.Context, sql string) ([]string, error) {
	rows, err := p.target.Admin(ctx, sql)
	if err != nil {
		return nil, err
	}
	if rows = strings.TrimRight(rows, "\n"); rows == "" {
		return nil, nil
	}
	lines := strings.Split(rows, "\n")
	for i, l := range lines {
		if l == "" {
			lines[i] = `""` // an empty line would end the block
		}
	}
	return lines, nil
}

// await asks until the answer is t. What is waited for happens in another
// process, so there is nothing to be told by.
func (p *play) await(ctx context.Context, sql string) error {
	for {
		rows, err := p.admin(ctx, sql)
		if err != nil {
			return err
		}
		if len(rows) == 1 && rows[0] == "t" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the answer is still %q: %w", rows, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// dial opens a connection under a name and, if asked, TLS on it.
func (p *play) dial(ctx context.Context, name string, words []token) (*RawClient, error) {
	conn, err := p.target.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if old := p.conns[name]; old != nil {
		old.Close()
	}
	c := NewRawClient(conn)
	p.conns[name] = c
	for _, w := range words {
		if w.key == "tls" && w.text != "no" {
			return c, p.secure(ctx, c, w.text)
		}
	}
	return c, nil
}

func (p *play) secure(ctx context.Context, c *RawClient, how string) error {
	if p.target.TLS == nil {
		return errors.New("the target has no TLS")
	}
	switch how {
	case "yes":
		return c.RequestTLS(ctx, p.target.TLS)
	case "direct":
		return c.StartTLS(ctx, p.target.TLS)
	}
	return fmt.Errorf("tls=%s: yes, no or direct", how)
}

// connect logs in and returns what the server said, without what differs
// from server to server.
func (p *play) connect(ctx context.Context, name string, words []token) ([]string, error) {
	o, err := p.readOpening(words)
	if err != nil {
		return nil, err
	}
	c, err := p.dial(ctx, name, words)
	if err != nil {
		return nil, err
	}
	if err := c.Send(StartupPacket(o.version, o.parameters...)); err != nil {
		return nil, err
	}
	seen, err := c.Authenticate(o.password)
	if err == nil {
		var more []Frame
		more, err = c.ReceiveUntil('Z')
		seen = append(seen, more...)
	}
	lines := o.lines(seen, p.view(nil))
	if err == nil {
		return lines, nil
	}
	if errors.Is(err, ErrRefused) {
		err = io.EOF
	}
	last, err := ending(c, err)
	return append(lines, last...), err
}

// opening is what a connect directive asks for.
type opening struct {
	version    uint32
	password   string
	parameters []Parameter
	show       []string
	verbose    bool
}

func (p *play) readOpening(words []token) (*opening, error) {
	o := &opening{version: Protocol30, password: p.target.Password}
	user, database := p.target.User, p.target.Database
	for _, w := range words {
		var err error
		switch w.key {
		case "user":
			user = w.text
		case "database":
			database = w.text
		case "password":
			o.password = w.text
		case "protocol":
			o.version, err = parseVersion(w.text)
		case "show":
			o.show = strings.Split(w.text, ",")
		case "tls":
		case "":
			if o.verbose = w.text == "verbose"; !o.verbose {
				err = fmt.Errorf("%q is not key=value", w.text)
			}
		default:
			o.parameters = append(o.parameters, Parameter{w.key, w.text})
		}
		if err != nil {
			return nil, err
		}
	}
	o.parameters = append([]Parameter{{"user", user}, {"database", database}}, o.parameters...)
	return o, nil
}

func (o *opening) lines(seen []Frame, v View) []string {
	var all, reports []string
	for _, f := range seen {
		switch {
		case f.Type == 'R', f.Type == 'K' && !o.verbose:
		case f.Type != 'S':
			all = append(all, Render(f, v))
		case o.shows(f):
			reports = append(reports, Render(f, v))
		}
	}
	sort.Strings(reports)
	return append(reports, all...)
}

func (o *opening) shows(f Frame) bool {
	d := &decoder{rest: f.Body}
	name := d.cstring()
	for _, s := range o.show {
		if s == name {
			return true
		}
	}
	return false
}
