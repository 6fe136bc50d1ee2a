package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines reads a text database line by line in bounded memory. Lines longer than its buffer come shortened: they are
// lists of files and dependencies, never the fields that we read.
type lines struct {
	r     *bufio.Reader
	count int
}

const maxLine = 64 << 10

func newLines(in *input) *lines {
	in.text.Reset(in.r)
	return &lines{r: in.text}
}

// next gives a line without its end, valid until the next call. cut says that the line was longer. At the end err is
// io.EOF.
func (l *lines) next() (line []byte, cut bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, cut = bytes.Clone(line), true
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.r.ReadSlice('\n')
		}
	}
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, false, err
	}
	l.count++
	return bytes.TrimRight(line, "\r\n"), cut, nil
}
