package proxy

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Recorder is the trail, as the proxy uses it.
type Recorder interface {
	// Append returns when the event is on disk.
	Append(context.Context, audit.Event) (audit.Index, error)
	// Enqueue takes an event that will be on disk soon. Its error means
	// that the trail takes nothing any more.
	Enqueue(audit.Event) error
	// Healthy returns nil if the trail takes records. It does not wait.
	Healthy() error
	// Put keeps a large part of an event beside the trail and returns its
	// digest.
	Put(context.Context, []byte) (string, error)
	// Get returns what was kept, by its digest.
	Get(digest string) ([]byte, error)
}

// inlineRequest is how long a decision request may be to stand in the
// record itself, in bytes.
const inlineRequest = 16 << 10

// newID returns a request id: 50 random bits as ten base32 characters, in
// lower case because people read it aloud.
func newID() string {
	var b [7]byte
	chance.take(b[:])
	var id [12]byte
	idEncoding.Encode(id[:], b[:])
	return string(id[:10])
}

// chance has random bytes at hand: fetching many at once costs little more than
// fetching a few.
var chance randomBytes

type randomBytes struct {
	mu     sync.Mutex
	bytes  [512]byte
	unread []byte
}

func (r *randomBytes) take(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unread) < len(p) {
		rand.Read(r.bytes[:])
		r.unread = r.bytes[:]
	}
	r.unread = r.unread[copy(p, r.unread):]
}

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// event makes an event of this session.
func (s *session) event(typ, id string, body any) audit.Event {
	return audit.Event{Time: s.server.now(), Type: typ, ID: id, Session: s.id, Body: body}
}

// append records what must be on disk before anything moves.
func (s *session) append(ctx context.Context, e audit.Event) error {
	s.leave()
	ctx, cancel := context.WithTimeout(ctx, s.server.config.Trail.Timeout)
	defer cancel()
	if _, err := s.server.recorder.Append(ctx, e); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// enqueue records what may be on disk a moment later.
func (s *session) enqueue(e audit.Event) error {
	if err := s.server.recorder.Enqueue(e); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// decisionRecord is the body of a decision event.
type decisionRecord struct {
	// Road is how the text came: startup, query, parse, bind, execute,
	// function, unread; stream for a stream of changes that another policy
	// was asked about.
	Road string `json:"road"`
	User string `json:"user"`
	// Request is the canonical decision request, or its digest in the
	// store if it is long.
	Request       json.RawMessage `json:"request,omitempty"`
	RequestDigest string          `json:"request_digest,omitempty"`
	Decision      policy.Decision `json:"decision"`
	Policy        string          `json:"policy"`
	Kind          statement.Kind  `json:"kind"`
	Shape         string          `json:"shape,omitempty"`
	// ShapeID tells equal shapes; it is no digest in the store.
	ShapeID string `json:"shape_id,omitempty"`
	// Bytes is the length of the text, 0 if it has none or none was read.
	Bytes int `json:"bytes"`
}

// recordDecision puts a decision on record, on disk if it is about more
// than everyday work. Without an analysis it was made about a name. Positions
// in the record are places in the shape, which stands beside them; those of a
// text that is no SQL are places in the text.
func (s *session) recordDecision(ctx context.Context, id, road string, made *decided, text string, a *statement.Analysis) error {
	if err := s.sayHeld(); err != nil {
		return err // it came first
	}
	request, err := made.canonical()
	if err != nil {
		return err
	}
	body := decisionRecord{
		Road: road, User: s.identity.User, Decision: made.decision, Policy: made.policy.Digest(), Kind: made.kind, Bytes: len(text),
	}
	if a != nil {
		body.Shape, body.ShapeID = a.Shape, a.ShapeDigest
	}
	if len(request) <= inlineRequest {
		body.Request = request
	} else {
		s.leave()
		ctx, cancel := context.WithTimeout(ctx, s.server.config.Trail.Timeout)
		defer cancel()
		if body.RequestDigest, err = s.server.recorder.Put(ctx, request); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if err := s.record(ctx, s.event("decision", id, body), mustBeOnDisk(made.kind, made.decision.Verdict)); err != nil {
		return err
	}
	made.recorded = id
	return nil
}

// record puts an event on record, on disk if asked to.
func (s *session) record(ctx context.Context, e audit.Event, onDisk bool) error {
	if onDisk {
		return s.append(ctx, e)
	}
	return s.enqueue(e)
}

func mustBeOnDisk(k statement.Kind, v policy.Verdict) bool {
	return k.Worse(statement.DDL) || v != policy.Allow
}

// repeatRecord is the body of a repeat event: a text came that differs from an
// earlier one of the same session in nothing a decision looks at, and the
// decision about that one still holds. It is recorded once in full.
type repeatRecord struct {
	// As is the request id of the decision.
	As    string         `json:"as"`
	Bytes int            `json:"bytes"`
	Kind  statement.Kind `json:"kind"`
	// Road is that of a decision, or parse+execute: then there is no execute
	// event for its first run (held.go).
	Road string `json:"road"`
}

// AppendCanonical implements audit.Canonicalizer.
func (r *repeatRecord) AppendCanonical(dst []byte) []byte {
	dst = audit.AppendString(append(dst, `{"as":`...), r.As)
	dst = strconv.AppendInt(append(dst, `,"bytes":`...), int64(r.Bytes), 10)
	dst = audit.AppendString(append(dst, `,"kind":`...), r.Kind.String())
	dst = audit.AppendString(append(dst, `,"road":`...), r.Road)
	return append(dst, '}')
}

// recordRepeat puts on record that a text of so many bytes was let pass by the
// decision about an earlier one.
func (s *session) recordRepeat(id, road string, made *decided, bytes int) error {
	s.bodies.repeat = repeatRecord{As: made.recorded, Bytes: bytes, Kind: made.kind, Road: road}
	return s.enqueue(s.event("repeat", id, &s.bodies.repeat))
}

// appendRepeat is recordRepeat for what must be on disk before it moves.
func (s *session) appendRepeat(ctx context.Context, id, road string, made *decided, bytes int) error {
	if err := s.sayHeld(); err != nil {
		return err // it came first
	}
	s.bodies.repeat = repeatRecord{As: made.recorded, Bytes: bytes, Kind: made.kind, Road: road}
	return s.append(ctx, s.event("repeat", id, &s.bodies.repeat))
}

// executeRecord is the body of an execute event: a statement that was
// decided before runs again.
type executeRecord struct {
	Decision string         `json:"decision"`
	Road     string         `json:"road"`
	Kind     statement.Kind `json:"kind"`
}

// AppendCanonical implements audit.Canonicalizer.
func (r *executeRecord) AppendCanonical(dst []byte) []byte {
	dst = audit.AppendString(append(dst, `{"decision":`...), r.Decision)
	dst = audit.AppendString(append(dst, `,"kind":`...), r.Kind.String())
	dst = audit.AppendString(append(dst, `,"road":`...), r.Road)
	return append(dst, '}')
}

// resultRecord is the body of a result event.
type resultRecord struct {
	// Charged is what went to shared budgets since the session's last record
	// of that.
	Charged  *chargedRecord `json:"charged,omitempty"`
	SQLSTATE string         `json:"sqlstate"`
	Tag      string         `json:"tag,omitempty"`
	Rows     int64          `json:"rows"`
	// Bytes are those of the rows, and of errors and notices that could have a
	// value of a class in them.
	Bytes int64 `json:"bytes"`
	// ErrorHMAC is that of the server's error, if the client was not shown
	// all of it: hmac-sha256: and hex digits.
	ErrorHMAC string `json:"error_hmac,omitempty"`
	// NoticesKept is how many notices the client was not shown as they were,
	// and NoticesHMAC a digest over them.
	NoticesKept int64  `json:"notices_kept,omitempty"`
	NoticesHMAC string `json:"notices_hmac,omitempty"`
	// Limit is the limit that was reached, and LimitRule the rule that set
	// it.
	Limit     string `json:"limit,omitempty"`
	LimitRule string `json:"limit_rule,omitempty"`
	// Micros is the time from the request to its end, in microseconds.
	Micros int64 `json:"micros"`
}

// AppendCanonical implements audit.Canonicalizer.
func (r *resultRecord) AppendCanonical(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"bytes":`...), r.Bytes, 10)
	text := func(name, value string) {
		if value != "" {
			dst = audit.AppendString(append(dst, name...), value)
		}
	}
	if r.Charged != nil {
		dst = r.Charged.AppendCanonical(append(dst, `,"charged":`...))
	}
	text(`,"error_hmac":`, r.ErrorHMAC)
	text(`,"limit":`, r.Limit)
	text(`,"limit_rule":`, r.LimitRule)
	dst = strconv.AppendInt(append(dst, `,"micros":`...), r.Micros, 10)
	text(`,"notices_hmac":`, r.NoticesHMAC)
	if r.NoticesKept != 0 {
		dst = strconv.AppendInt(append(dst, `,"notices_kept":`...), r.NoticesKept, 10)
	}
	dst = strconv.AppendInt(append(dst, `,"rows":`...), r.Rows, 10)
	dst = audit.AppendString(append(dst, `,"sqlstate":`...), r.SQLSTATE)
	text(`,"tag":`, r.Tag)
	return append(dst, '}')
}

// recordResult puts on record how an execution ended.
func (s *session) recordResult(w *work, now time.Time) error {
	state := w.sqlstate
	if state == "" {
		state = "00000"
	}
	r := &s.bodies.result
	*r = resultRecord{
		SQLSTATE: state, Tag: w.tag, Rows: w.rows, Bytes: w.bytes, Micros: now.Sub(w.started).Microseconds(),
		Charged:   s.tab.charged(),
		ErrorHMAC: w.kept.err, NoticesKept: w.kept.notices, NoticesHMAC: w.kept.last,
	}
	s.pending.mu.Lock()
	reached := w.reached()
	s.pending.mu.Unlock()
	if reached != nil {
		r.Limit, r.LimitRule = reached.limit, reached.rule
	}
	s.observeResult(w, now, reached != nil)
	if err := s.enqueue(audit.Event{Time: now, Type: "result", ID: w.decision, Session: s.id, Body: r}); err != nil {
		return err
	}
	s.tab.isRecorded(now)
	return s.suspect(w)
}

// openRecord is the body of a session.open event.
type openRecord struct {
	User          string          `json:"user"`
	Method        string          `json:"method"`
	ChannelBound  bool            `json:"channel_bound"`
	Certificate   string          `json:"certificate,omitempty"`
	Database      string          `json:"database"`
	Address       string          `json:"address"`
	Via           string          `json:"via,omitempty"`
	TLS           bool            `json:"tls"`
	Protocol      string          `json:"protocol"`
	Application   string          `json:"application,omitempty"`
	Declared      policy.Declared `json:"declared,omitempty"`
	ServerVersion string          `json:"server_version,omitempty"`
	// Token is what the token said, for methods with one.
	Token *tokenRecord `json:"token,omitempty"`
}

// tokenRecord is what a token said of its holder. Package identity bounds all
// of it; the token itself is nowhere.
type tokenRecord struct {
	Issuer  string   `json:"issuer"`
	Subject string   `json:"subject"`
	Name    string   `json:"name"`
	Groups  []string `json:"groups,omitempty"`
	ACR     string   `json:"acr,omitempty"`
	AMR     []string `json:"amr,omitempty"`
	Expires string   `json:"expires"`
}

// closeRecord is the body of a session.close event.
type closeRecord struct {
	Reason  string `json:"reason"`
	Rows    int64  `json:"rows"`
	BytesIn int64  `json:"bytes_in"`
	// BytesOut counts everything sent to the client after login.
	BytesOut int64 `json:"bytes_out"`
	// Ended says that the upstream session is known to be gone.
	Ended   bool   `json:"upstream_ended"`
	Problem string `json:"problem,omitempty"`
}

// leaseRecord is the body of the credential.* events.
type leaseRecord struct {
	Lease   string `json:"lease"`
	Role    string `json:"role"`
	Group   string `json:"group,omitempty"`
	Expires string `json:"expires,omitempty"`
	// Purpose is what the session is for, or what a lease is for that is no
	// session's.
	Purpose string `json:"purpose,omitempty"`
	// VaultRole is the role in Vault that made the login, Rule the rule of the
	// policy that chose it.
	VaultRole string `json:"vault_role,omitempty"`
	Rule      string `json:"rule,omitempty"`
	// Shared is true for a password that others may know, because it was not
	// made for this lease.
	Shared  bool   `json:"shared_password,omitempty"`
	Problem string `json:"problem,omitempty"`
}
