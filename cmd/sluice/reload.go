package main

import (
	"context"
	"os"
	"time"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/audit"
)

// policyTick is how often the policy's file is looked at. Asking for its state
// sees every way in which a file changes: written in place, renamed over, a
// link or a whole directory of links swapped, a network file system.
const policyTick = 500 * time.Millisecond

// fileState tells one content of a file from another without reading it. The
// zero value stands for a file that cannot be looked at.
type fileState struct {
	file     os.FileInfo
	size     int64
	modified time.Time
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info, info.Size(), info.ModTime()}
}

func (s fileState) same(other fileState) bool {
	if s.file == nil || other.file == nil {
		return s.file == nil && other.file == nil
	}
	return os.SameFile(s.file, other.file) && s.size == other.size && s.modified.Equal(other.modified)
}

// watchFile says on the channel that a file has changed, and false that it is
// gone, until ctx ends. It waits until the file was left alone for a tick: one that is half written
// could be a valid policy without its last rules. The first time it speaks of
// the file as it finds it, since that may have changed since it was read.
func watchFile(ctx context.Context, path string, tick time.Duration, changed chan<- bool) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var known, last fileState
	spoken := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := stateOf(path)
		settled := now.same(last)
		last = now
		if !settled || spoken && now.same(known) {
			continue
		}
		known, spoken = now, true
		select {
		case changed <- now.file != nil:
		case <-ctx.Done():
			return
		}
	}
}

// follow reads the policy again whenever its file changes, and when somebody
// asks for it. It ends with the function it returns, which waits for a reload
// that is under way.
func (r *running) follow(ctx context.Context, asked <-chan os.Signal) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan bool)
	if r.config.Policy != "" {
		go watchFile(ctx, r.config.Policy, policyTick, changed)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-asked:
				r.tell(r.service.Reloading())
				r.reload(ctx, true)
				r.tell(r.service.Ready("policy " + r.server.Policy().Digest() + " in force"))
			case there := <-changed:
				if !there {
					r.policyGone()
					continue
				}
				r.reload(ctx, false)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// reload puts the policy document in force again, or keeps the old policy if
// the new one is not valid. Both are on record. Unless it is asked for, a
// document that is the one in force is left alone.
func (r *running) reload(ctx context.Context, asked bool) {
	p, source, err := loadPolicy(r.config.Policy)
	if err == nil && !asked && p.Digest() == r.server.Policy().Digest() {
		return
	}
	if err == nil {
		err = hasMaskKeys(p, r.maskKeys)
	}
	if err == nil {
		err = r.recordStart(ctx, p, source)
	}
	r.told.Reloaded(err)
	if err != nil {
		r.keepPolicy(ctx, err)
		return
	}
	r.server.SetPolicy(p)
	r.log.Info("policy reloaded", "policy", p.Name(), "digest", p.Digest())
}

// policyGone says that the policy's file is not there any more. The policy in
// force stays, but there would be none to start with.
func (r *running) policyGone() {
	inForce := r.server.Policy()
	r.log.Error("the policy file is gone, its policy stays in force; without the file Sluice will not start again",
		"file", r.config.Policy, "policy", inForce.Name(), "digest", inForce.Digest())
}

// maxRefusal bounds what the trail keeps of why a policy was not taken, in
// bytes.
const maxRefusal = 2 << 10

// keepPolicy says that a new policy was not taken.
func (r *running) keepPolicy(ctx context.Context, cause error) {
	inForce := r.server.Policy()
	r.log.Error("policy not reloaded, the old one stays in force", "policy", inForce.Name(), "digest", inForce.Digest(), "err", cause)
	_, err := r.trail.Append(ctx, audit.Event{Time: time.Now(), Type: "policy.refused", Body: map[string]string{
		"in_force": inForce.Digest(), "problem": cut(cause.Error(), maxRefusal),
	}})
	if err != nil {
		r.log.Error("a refused policy is not on record", "err", err)
	}
}

// cut shortens a text to a number of bytes without cutting a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
