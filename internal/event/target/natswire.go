package target

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a NATS server says. All that it has to tell us is that it has
// stored something; the library believes any size that it names.
const (
	maxNATSLine    = 256 << 10 // what it says of itself lists its whole cluster
	maxNATSPayload = 256 << 10
)

var errNATSTalk = errors.New("the NATS server says more than it may")

// natsDialer connects through the guard, and does TLS itself, so that it sees
// what the library reads.
type natsDialer struct {
	options *Options
	secure  bool // TLS is asked for, not only accepted
}

// SkipTLSHandshake tells the library that it is done already.
func (n natsDialer) SkipTLSHandshake() bool { return true }

// Dial is nats.CustomDialer.
func (n natsDialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.options.Timeout/2)
	defer cancel()
	conn, err := n.options.Guard.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	bounded, err := n.greet(ctx, conn, address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return bounded, nil
}

// greet reads what the server says first, changes to TLS if that is to be, and
// hands both on.
func (n natsDialer) greet(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	begin := bufio.NewReader(io.LimitReader(conn, maxNATSLine))
	line, err := begin.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading what the NATS server says of itself: %w", err)
	}
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	text, ok := bytes.CutPrefix(line, []byte("INFO "))
	if !ok || json.Unmarshal(text, &info) != nil {
		return nil, errors.New("it is not a NATS server")
	}
	said := append(line, peeked(begin)...)
	if n.secure || info.Required {
		if !info.Required && !info.Available {
			return nil, errors.New("the NATS server does not speak TLS")
		}
		if len(said) > len(line) {
			return nil, errNATSTalk // in the clear, where nobody is to listen any more
		}
		if conn, err = n.encrypt(ctx, conn, address); err != nil {
			return nil, err
		}
	}
	return &boundedConn{Conn: conn, first: said}, conn.SetDeadline(time.Time{})
}

func (n natsDialer) encrypt(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: n.options.Roots, MinVersion: tls.VersionTLS12})
	return secured, secured.HandshakeContext(ctx)
}

// peeked is what a reader has read ahead.
func peeked(r *bufio.Reader) []byte {
	ahead, _ := r.Peek(r.Buffered()) // which cannot fail
	return ahead
}

// boundedConn ends when the server names or sends what is too long. It is strict
// where the library is not, so that both always agree where a line ends.
type boundedConn struct {
	net.Conn
	first []byte // read already

	line    []byte // the beginning of a line of the protocol
	payload int    // how much of a message is still to come
	message bool   // the next line is the empty one that ends a message
}

// Read is io.Reader. One goroutine at a time reads.
func (c *boundedConn) Read(p []byte) (int, error) {
	var n int
	var err error
	if len(c.first) > 0 {
		n = copy(p, c.first)
		c.first = c.first[n:]
	} else {
		n, err = c.Conn.Read(p)
	}
	if !c.fine(p[:n]) {
		return 0, errNATSTalk
	}
	return n, err
}

// fine follows the protocol: lines, and messages of the size that their line
// has named.
func (c *boundedConn) fine(b []byte) bool {
	for len(b) > 0 {
		if c.payload > 0 {
			n := min(c.payload, len(b))
			c.payload -= n
			b = b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			c.line = append(c.line, b...)
			return len(c.line) <= maxNATSLine && (!c.message || len(c.line) <= 1)
		}
		line, ok := bytes.CutSuffix(append(c.line, b[:end]...), []byte{'\r'})
		c.line, b = c.line[:0], b[end+1:]
		if !ok || len(line) > maxNATSLine || bytes.IndexByte(line, '\r') >= 0 || !c.understands(string(line)) {
			return false
		}
	}
	return true
}

// understands says whether a line may come now, and notes the size of the
// message that it announces, if it does.
func (c *boundedConn) understands(line string) bool {
	if c.message {
		c.message = false
		return line == ""
	}
	switch {
	case line == "PING", line == "PONG", line == "+OK", strings.HasPrefix(line, "INFO {"), strings.HasPrefix(line, "-ERR '"):
		return true
	case !strings.HasPrefix(line, "MSG ") && !strings.HasPrefix(line, "HMSG "):
		return false
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' })
	size, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	if err != nil || size > maxNATSPayload || len(words) < 4 || strings.Contains(line, "\t") {
		return false
	}
	c.payload, c.message = int(size), true
	return true
}
