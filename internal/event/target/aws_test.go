package target_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/outbound"
)

const (
	queueARN = "arn:aws:sqs:eu-west-1:111122223333:events"
	topicARN = "arn:aws:sns:eu-west-1:111122223333:events"
	busARN   = "arn:aws:events:eu-west-1:111122223333:event-bus/central"
	keyID    = "AKIDEXAMPLE"
	keyValue = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// cloudDouble speaks as much of SQS, SNS and EventBridge as messages need, and
// checks signatures by itself.
type cloudDouble struct {
	*receiver
	t    *testing.T
	fail func(w http.ResponseWriter, r *http.Request) bool
	bus  string // the answer of PutEvents
}

func newCloudDouble(t *testing.T) *cloudDouble {
	t.Helper()
	c := &cloudDouble{t: t, bus: `{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`}
	c.receiver = newReceiver(t, nil)
	c.receiver.answer = c.serve
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": keyValue, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "",
		"AWS_ENDPOINT_URL": c.URL, "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return c
}

// set changes what is answered.
func (c *cloudDouble) set(fail func(w http.ResponseWriter, r *http.Request) bool, bus string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail, c.bus = fail, bus
}

func (c *cloudDouble) serve(w http.ResponseWriter, r *http.Request) {
	all := c.got()
	body := all[len(all)-1].body
	service := map[bool]string{true: "sqs"}[strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS")]
	switch {
	case service != "":
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AWSEvents"):
		service = "events"
	default:
		service = "sns"
	}
	if err := verify(r, body, service); err != nil {
		c.t.Errorf("%s: %v", service, err)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	c.mu.Lock()
	fail, bus := c.fail, c.bus
	c.mu.Unlock()
	if fail != nil && fail(w, r) {
		return
	}
	switch service {
	case "sqs":
		var in struct{ MessageBody string }
		if err := json.Unmarshal(body, &in); err != nil {
			c.t.Error(err)
		}
		sum := md5.Sum([]byte(in.MessageBody))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprintf(w, `{"MessageId":"m","MD5OfMessageBody":%q}`, hex.EncodeToString(sum[:]))
	case "events":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		io.WriteString(w, bus)
	default:
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`)
	}
}

// verify checks a request's signature, written down from AWS's description.
func verify(r *http.Request, body []byte, service string) error {
	var credential, signed, signature string
	for _, part := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			signature = value
		}
	}
	at := r.Header.Get("X-Amz-Date")
	if len(at) != 16 || credential != keyID+"/"+at[:8]+"/eu-west-1/"+service+"/aws4_request" {
		return fmt.Errorf("the credential is %q", credential)
	}
	names := strings.Split(signed, ";")
	if !sort.StringsAreSorted(names) || !strings.Contains(signed, "host") {
		return fmt.Errorf("signed headers %q", signed)
	}
	digest := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.Query().Encode())
	for _, name := range names {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", signed, digest(body))
	key := []byte("AWS4" + keyValue)
	for _, part := range append(strings.Split(credential, "/")[1:], "AWS4-HMAC-SHA256\n"+at+"\n"+strings.SplitN(credential, "/", 2)[1]+"\n"+digest([]byte(canonical.String()))) {
		h := hmac.New(sha256.New, key)
		io.WriteString(h, part)
		key = h.Sum(nil)
	}
	if hex.EncodeToString(key) != signature {
		return fmt.Errorf("the signature is wrong; canonical request:\n%s", canonical.String())
	}
	return nil
}

func everything(t testing.TB) *target.Targets {
	return newTargets(t, target.Options{AWS: []string{"arn:*"}})
}

func TestMessagesToQueues(t *testing.T) {
	c := newCloudDouble(t)
	all := everything(t)
	m := pushed()
	m.Attributes = map[string]string{"RULE_ARN": "arn:rule", "ERROR_CODE": "SDK_CLIENT_ERROR", "EMPTY": ""}
	if err := send(t, all, event.Target{ARN: queueARN}, m); err != nil {
		t.Fatal(err)
	}
	m.Attributes = nil
	for range 2 {
		if err := send(t, all, event.Target{ARN: queueARN + ".fifo", MessageGroupID: "group"}, m); err != nil {
			t.Fatal(err)
		}
	}
	type message struct {
		Queue             string `json:"QueueUrl"`
		Body              string `json:"MessageBody"`
		Group             string `json:"MessageGroupId"`
		Deduplication     string `json:"MessageDeduplicationId"`
		MessageAttributes map[string]struct{ DataType, StringValue string }
	}
	var got []message
	for _, r := range c.got() {
		var one message
		if err := json.Unmarshal(r.body, &one); err != nil {
			t.Fatal(err)
		}
		got = append(got, one)
	}
	if got[0].Queue != c.URL+"/111122223333/events" || got[0].Body != string(m.Body) || got[0].Group != "" || got[0].Deduplication != "" {
		t.Errorf("%+v", got[0])
	}
	if a := got[0].MessageAttributes; len(a) != 2 || a["RULE_ARN"].StringValue != "arn:rule" || a["RULE_ARN"].DataType != "String" {
		t.Errorf("%+v", a)
	}
	if got[1].Queue != c.URL+"/111122223333/events.fifo" || got[1].Group != "group" || got[1].Deduplication == "" || got[1].Deduplication != got[2].Deduplication {
		t.Errorf("%+v", got[1:])
	}
}

func TestMessagesToTopics(t *testing.T) {
	c := newCloudDouble(t)
	all := everything(t)
	m := pushed()
	m.Attributes = map[string]string{"ERROR_CODE": "X"}
	for _, arn := range []string{topicARN, topicARN + ".fifo"} {
		if err := send(t, all, event.Target{ARN: arn}, m); err != nil {
			t.Fatal(err)
		}
	}
	plain, _ := url.ParseQuery(string(c.got()[0].body))
	if plain.Get("Action") != "Publish" || plain.Get("TopicArn") != topicARN || plain.Get("Message") != string(m.Body) ||
		plain.Get("MessageAttributes.entry.1.Value.StringValue") != "X" || plain.Has("MessageGroupId") {
		t.Errorf("%v", plain)
	}
	fifo, _ := url.ParseQuery(string(c.got()[1].body))
	if fifo.Get("TopicArn") != topicARN+".fifo" || fifo.Get("MessageGroupId") == "" || fifo.Get("MessageDeduplicationId") == "" {
		t.Errorf("%v", fifo)
	}
}

func TestEventsToAnotherBus(t *testing.T) {
	c := newCloudDouble(t)
	all := everything(t)
	changed := pushed()
	changed.Body = []byte(`{"my":"detail"}`)
	for _, m := range []delivery.Message{pushed(), changed} {
		if err := send(t, all, event.Target{ARN: busARN}, m); err != nil {
			t.Fatal(err)
		}
	}
	type entry struct {
		Source, DetailType, Detail, EventBusName string
		Resources                                []string
		Time                                     float64
	}
	var got []entry
	for _, r := range c.got() {
		var in struct{ Entries []entry }
		if err := json.Unmarshal(r.body, &in); err != nil || len(in.Entries) != 1 {
			t.Fatalf("%s %v", r.body, err)
		}
		got = append(got, in.Entries[0])
	}
	e := got[0]
	if e.Source != "ecru.ecr" || e.DetailType != "ECR Image Action" || e.EventBusName != busARN || len(e.Resources) != 1 || int64(e.Time) != pushed().Time.Unix() {
		t.Errorf("%+v", e)
	}
	if detail := object(t, []byte(e.Detail)); detail["action-type"] != "PUSH" || detail["detail"] != nil {
		t.Errorf("%v", detail)
	}
	if got[1].Detail != `{"my":"detail"}` {
		t.Errorf("%+v", got[1])
	}
	for _, body := range []string{`"text"`, `[1]`, `text`, ` `, ``} {
		changed.Body = []byte(body)
		if !fateOf(t, send(t, all, event.Target{ARN: busARN}, changed)).permanent {
			t.Errorf("%q is tried again", body)
		}
	}
}

func TestABusThatRefusesAnEntry(t *testing.T) {
	c := newCloudDouble(t)
	all := everything(t)
	for code, permanent := range map[string]bool{"ThrottlingException": false, "InternalFailure": false, "InternalException": false, "MalformedDetail": true, "NotAuthorizedForSourceException": true} {
		c.set(nil, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"`+code+`","ErrorMessage":"why"}]}`)
		err := send(t, all, event.Target{ARN: busARN}, pushed())
		if got := fateOf(t, err); got != (fate{permanent: permanent, status: code}) || !strings.Contains(err.Error(), "why") {
			t.Errorf("%s: %+v %v", code, got, err)
		}
	}
}

func TestWhatErrorsOfAWSMean(t *testing.T) {
	c := newCloudDouble(t)
	all := everything(t)
	for _, test := range []struct {
		status int
		code   string
		want   fate
	}{
		{400, "RequestThrottled", fate{status: "RequestThrottled", after: 3 * time.Second}},
		{400, "ThrottlingException", fate{status: "ThrottlingException", after: 3 * time.Second}},
		{503, "ServiceUnavailable", fate{status: "ServiceUnavailable", after: 3 * time.Second}},
		{500, "InternalError", fate{status: "InternalError", after: 3 * time.Second}},
		{403, "ExpiredToken", fate{status: "ExpiredToken", after: 3 * time.Second}},
		{403, "InvalidClientTokenId", fate{status: "InvalidClientTokenId", after: 3 * time.Second}},
		{403, "AccessDenied", fate{status: "AccessDenied", after: 3 * time.Second, permanent: true}},
		{400, "com.amazonaws.sqs#QueueDoesNotExist", fate{status: "QueueDoesNotExist", after: 3 * time.Second, permanent: true}},
		{400, "InvalidMessageContents", fate{status: "InvalidMessageContents", after: 3 * time.Second, permanent: true}},
	} {
		c.set(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(test.status)
			fmt.Fprintf(w, `{"__type":%q,"message":"why"}`, test.code)
			return true
		}, "")
		before := len(c.got())
		if got := fateOf(t, send(t, all, event.Target{ARN: queueARN}, pushed())); got != test.want {
			t.Errorf("%s: %+v", test.code, got)
		}
		if n := len(c.got()) - before; n != 1 {
			t.Errorf("%s: it was tried %d times", test.code, n)
		}
	}
	for name, fail := range map[string]func(w http.ResponseWriter, r *http.Request){
		"garbage": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"a 502":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); io.WriteString(w, "<html>") },
		"broken":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		},
	} {
		c.set(func(w http.ResponseWriter, r *http.Request) bool { fail(w, r); return true }, "")
		err := send(t, all, event.Target{ARN: queueARN}, pushed())
		if got := fateOf(t, err); got.permanent && name != "redirects" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		noSecrets(t, err, keyValue)
	}
}

func TestAWSIsCalledThroughTheGuard(t *testing.T) {
	c := newCloudDouble(t)
	all := newTargets(t, target.Options{AWS: []string{"*"}, Guard: outbound.New(outbound.Options{Deny: outbound.Default(false)})})
	for _, arn := range []string{queueARN, topicARN, busARN} {
		if got := fateOf(t, send(t, all, event.Target{ARN: arn}, pushed())); !got.permanent {
			t.Errorf("%s: %+v", arn, got)
		}
	}
	if len(c.got()) != 0 {
		t.Error("it was called")
	}
}

func TestAServerWithoutCredentialsForAWS(t *testing.T) {
	newCloudDouble(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := send(t, everything(t), event.Target{ARN: queueARN}, pushed())
	if got := fateOf(t, err); got.permanent {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWhichResourcesOfAWSMayBeTargets(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		arn      string
		want     bool
	}{
		{nil, queueARN, false},
		{[]string{queueARN}, queueARN, true},
		{[]string{queueARN}, queueARN + "2", false},
		{[]string{"arn:aws:sqs:*"}, queueARN, true},
		{[]string{"arn:aws:sqs:*"}, topicARN, false},
		{[]string{"arn:aws:*:111122223333:ev*"}, topicARN, true},
		{[]string{"arn:aws:*:111122223333:ev*"}, strings.Replace(topicARN, "1111", "4444", 1), false},
		{[]string{"arn:aws:sqs:*:*:events"}, queueARN, true},
		{[]string{"arn:aws:sqs:*:*:event"}, queueARN, false},
		{[]string{"arn:x", "*"}, busARN, true},
		{[]string{"arn:aws:sqs:eu-west-1:111122223333:events*events"}, queueARN, false},
		{[]string{"arn:aws:sqs:?u-west-1:111122223333:events"}, queueARN, false},
	} {
		all := newTargets(t, target.Options{AWS: test.patterns})
		_, err := all.Route(t.Context(), account, event.Target{ARN: test.arn})
		if (err == nil) != test.want {
			t.Errorf("%q, %s: %v", test.patterns, test.arn, err)
		}
		if err != nil && (!fateOf(t, err).permanent || !strings.Contains(err.Error(), "--aws-targets")) {
			t.Errorf("%v", err)
		}
		if err := all.Validate(home, event.Target{ARN: test.arn}); (err == nil) != test.want {
			t.Errorf("%q, %s: %v", test.patterns, test.arn, err)
		}
		if err := all.Validate(home, event.Target{ARN: "arn:ecru:stdout", DeadLetterARN: queueARN}); test.arn == queueARN && (err == nil) != test.want {
			t.Errorf("%q, as dead letters: %v", test.patterns, err)
		}
	}
}
