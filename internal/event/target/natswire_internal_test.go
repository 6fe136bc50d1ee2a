package target

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// chunks are read from a connection one by one.
type chunks struct {
	net.Conn
	all [][]byte
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.all) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.all[0])
	if c.all[0] = c.all[0][n:]; len(c.all[0]) == 0 {
		c.all = c.all[1:]
	}
	return n, nil
}

func TestWhatANATSServerMaySay(t *testing.T) {
	long := strings.Repeat("x", maxNATSPayload)
	for text, fine := range map[string]bool{
		"PING\r\nPONG\r\n+OK\r\n":                               true,
		"MSG a 1 5\r\nhello\r\nMSG a 1 reply 0\r\n\r\n":         true,
		"MSG a 1 12\r\nMSG b 1 9999\r\nPING\r\n":                true, // not a line, but a message
		"HMSG a 1 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPING\r\n": true,
		"MSG a 1 262144\r\n" + long + "\r\nMSG a 1 2\r\nok\r\n": true,
		"MSG a 1 262145\r\n":                                    false,
		"MSG a 1 9223372036854775807\r\n":                       false,
		"MSG a 1 99999999999999999999999999\r\n":                false,
		"HMSG a 1 1 4611686018427387904\r\n":                    false,
		"MSG a 1 -5\r\n":                                        false,
		"MSG a 1 x\r\n":                                         false,
		"MSG a 1 5\r\nhello\r\nMSG a 1 999999\r\n":              false,
		"-ERR '" + long + long + "\r\n":                         false,
		"MSG " + long + long + " 1 1\r\n":                       false,
		"MSG a 1 5\r\nhello and some more\r\nPING\r\n":          false, // where the library would read on
		"MSG a 1 5\r\nhello" + long + long:                      false,
	} {
		for _, size := range []int{1, 7, len(text)} {
			conn := &chunks{}
			for rest := []byte(text); len(rest) > 0; {
				n := min(size, len(rest))
				conn.all = append(conn.all, rest[:n])
				rest = rest[n:]
			}
			got, err := io.ReadAll(&boundedConn{Conn: conn, first: []byte("INFO {}\r\n")})
			if (err == nil) != fine || err == nil && string(got) != "INFO {}\r\n"+text {
				t.Errorf("%.60q, %d bytes at a time: %v", text, size, err)
			}
		}
	}
}

func FuzzWhatANATSServerSays(f *testing.F) {
	for _, seed := range []string{"INFO {}\r\nMSG a 1 5\r\nhello\r\n", "HMSG a 1 12 17\r\n", "MSG\r\n", "M", "h 1\n", "MSG a 1 999999999999\r\n", "\n\n\n"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		if size < 1 {
			size = 1
		}
		whole := &boundedConn{}
		piecewise := &boundedConn{}
		fine := true
		for rest := text; len(rest) > 0 && fine; {
			n := min(size, len(rest))
			fine = piecewise.fine(rest[:n])
			rest = rest[n:]
		}
		if whole.fine(bytes.Clone(text)) != fine {
			t.Errorf("%q: %v in pieces of %d", text, fine, size)
		}
		if piecewise.payload > maxNATSPayload || len(piecewise.line) > maxNATSLine+len(text) {
			t.Errorf("%q: unbounded", text)
		}
	})
}
