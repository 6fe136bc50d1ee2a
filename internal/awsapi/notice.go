package awsapi

import (
	"context"
	"net/http"
)

// NoticeHeader is the header of an answer that tells what ecru does not do yet
// with what it has just stored: clients of AWS ignore it, people and scripts
// find it, and it is in the log.
const NoticeHeader = "X-Ecru-Notice"

type noticeKey struct{}

// notice collects what is to be told with an answer.
type notice struct{ text string }

// Notice tells something with the answer of the call that ctx belongs to. The
// text must be constant and of ASCII.
func Notice(ctx context.Context, text string) {
	if n, ok := ctx.Value(noticeKey{}).(*notice); ok {
		n.text = text
	}
}

func (n *notice) write(h http.Header) {
	if n.text != "" {
		h.Set(NoticeHeader, n.text)
	}
}
