package statement

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
)

// Frames between the proxy and a worker are a 4-byte length, most significant
// byte first, and that many bytes. A request holds the 4-byte operator limit
// and the text; an answer holds a reply as JSON. With asksCode in the limit the
// text is a Code as JSON, and the answer a CodeAnalysis.
const (
	asksCode = 1 << 31

	maxRequest = 64 << 20
	maxAnswer  = 64 << 20
	// workerMemory is the soft limit of the worker's Go heap, in bytes.
	workerMemory = 512 << 20
)

func writeFrame(w io.Writer, parts ...[]byte) error {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	frame := make([]byte, 4, 4+length)
	binary.BigEndian.PutUint32(frame, uint32(length))
	for _, p := range parts {
		frame = append(frame, p...)
	}
	_, err := w.Write(frame)
	return err
}

func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(head[:]))
	if length > limit {
		return nil, fmt.Errorf("statement: frame of %d bytes is over the limit of %d", length, limit)
	}
	frame := make([]byte, length)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, fmt.Errorf("statement: frame cut short: %w", err)
	}
	return frame, nil
}

// WorkerMain is the loop of a worker process: it answers requests until in
// ends, which it does when the proxy closes the pipe or dies. It returns then
// even if a text is being parsed; the process should exit at once.
func WorkerMain(in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(workerMemory)
	requests := make(chan []byte)
	ended := make(chan error, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			request, err := readFrame(in, maxRequest)
			if err != nil {
				ended <- err
				return
			}
			select {
			case requests <- request:
			case <-stop:
				return
			}
		}
	}()
	answered := make(chan error, 1)
	for {
		select {
		case request := <-requests:
			go func() { answered <- answer(out, request) }()
		case err := <-ended:
			return ignoreEOF(err)
		}
		select {
		case err := <-answered:
			if err != nil {
				return err
			}
		case err := <-ended:
			return ignoreEOF(err)
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// answer judges one request and writes its analysis.
func answer(out io.Writer, request []byte) error {
	if len(request) < 4 {
		return errors.New("statement: request without a limit")
	}
	limit := binary.BigEndian.Uint32(request)
	var analysis any
	if limit&asksCode != 0 {
		analysis = answerCode(request[4:], int(limit&^asksCode))
	} else {
		analysis = replyOf(judgeBounded(string(request[4:]), int(limit)))
	}
	encoded, err := json.Marshal(analysis)
	if err != nil {
		return fmt.Errorf("statement: encode analysis: %w", err)
	}
	return writeFrame(out, encoded)
}

// judgeBounded is judge behind the exact limits.
func judgeBounded(text string, limit int) *Analysis {
	if at := deepComment(text); at >= 0 {
		return refused(&Problem{
			SQLSTATE: "54001",
			Message:  fmt.Sprintf("comments are nested more than %d levels deep", maxComments),
			Position: at,
		})
	}
	tokens, err := scan(text)
	if err != nil {
		return refused(parserProblem(text, nil, err))
	}
	if problem := tooDeep(tokens, limit); problem != nil {
		analysis := refused(problem)
		analysis.Shape, analysis.ShapeDigest = unreadShape(text, tokens)
		return analysis
	}
	return judgeTokens(text, tokens, &bodies{limit: limit})
}
