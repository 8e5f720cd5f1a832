package script

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// maxLine bounds one line of commands, in bytes. Lines of COPY data
	// have no bound: they are not kept.
	maxLine = 64 << 20
	// readAhead is the size of the buffer that a file is read through.
	readAhead = 64 << 10
)

// lines reads one file line by line.
type lines struct {
	name string
	in   *bufio.Reader
	// number is that of the line read last, from 1; start is its offset
	// in bytes, and next that of the line after it.
	number int
	start  int64
	next   int64
}

func newLines(name string, in io.Reader) *lines {
	return &lines{name: name, in: bufio.NewReaderSize(in, readAhead)}
}

// errorf makes an error that begins with the place in the file.
func (l *lines) errorf(column int, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %w", l.name, l.number, column, fmt.Errorf(format, args...))
}

// read returns the next line without its line feed, as psql does: a carriage
// return stays. The error is io.EOF at the end.
func (l *lines) read() (string, error) {
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			l.number++
			return "", l.errorf(1, "the line is longer than %d bytes", maxLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%s: %w", l.name, err)
		}
		if err != nil && len(line) == 0 {
			return "", io.EOF
		}
		break
	}
	l.advance(int64(len(line)))
	line = bytes.TrimSuffix(line, []byte("\n"))
	if l.number == 1 {
		var err error
		if line, err = l.first(line); err != nil {
			return "", err
		}
	}
	text := string(line)
	if err := l.readable(text); err != nil {
		return "", err
	}
	return text, nil
}

func (l *lines) advance(n int64) {
	l.number++
	l.start = l.next
	l.next += n
}

// first looks at how a file begins.
func (l *lines) first(line []byte) ([]byte, error) {
	const mark = "\xef\xbb\xbf"
	switch {
	case bytes.HasPrefix(line, []byte(mark)):
		l.start += int64(len(mark))
		return line[len(mark):], nil
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")):
		return nil, l.errorf(1, "the file is UTF-16; convert it with iconv -t UTF-8")
	case bytes.HasPrefix(line, []byte("PGDMP")):
		return nil, l.errorf(1, "the file is a custom-format dump; pg_restore -f - prints its SQL")
	}
	return line, nil
}

func (l *lines) readable(text string) error {
	if at := strings.IndexByte(text, 0); at >= 0 {
		return l.errorf(utf8.RuneCountInString(text[:at])+1, "a zero byte; the file is not text")
	}
	if utf8.ValidString(text) {
		return nil
	}
	column := 1
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			break
		}
		column++
	}
	return l.errorf(column, "bytes that are not UTF-8; convert the file with iconv -t UTF-8")
}

// skipData reads COPY data up to and with its end mark, a line \. as psql
// knows it, or up to the end of the file, and returns the number of lines
// before that. It keeps nothing.
func (l *lines) skipData() (count int64, err error) {
	whole := true // the next part begins a line
	for {
		part, err := l.in.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full && !errors.Is(err, io.EOF) {
			return count, fmt.Errorf("%s: %w", l.name, err)
		}
		if len(part) > 0 && whole {
			l.advance(0)
			count++
		}
		l.next += int64(len(part))
		switch string(part) {
		case "\\.\n", "\\.\r\n":
			if whole {
				return count - 1, nil
			}
		}
		if err != nil && !full {
			return count, nil
		}
		whole = !full
	}
}
