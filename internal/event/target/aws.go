package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
)

// cloud reaches resources of AWS with the server's own credentials, those that
// the operator has allowed.
type cloud struct {
	patterns []string
	client   *http.Client
	options  *Options

	mu      sync.Mutex
	loaded  *aws.Config
	regions map[string]*region
}

// region are the clients of a region.
type region struct {
	queues *sqs.Client
	topics *sns.Client
	buses  *eventbridge.Client
}

func newCloud(transport http.RoundTripper, o Options) *cloud {
	return &cloud{
		patterns: o.AWS, options: &o, regions: map[string]*region{},
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// allows says whether the operator lets an ARN be called.
func (c *cloud) allows(arn string) bool {
	for _, pattern := range c.patterns {
		if likeARN(pattern, arn) {
			return true
		}
	}
	return false
}

// likeARN matches with * for anything.
func likeARN(pattern, arn string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(arn, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// in answers the clients of a region. The configuration is that of the SDK:
// environment, files, the machine's role. Where it comes from is the operator's
// choice and not guarded; what is called with it is.
func (c *cloud) in(ctx context.Context, name string) (*region, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.regions[name]; ok {
		return known, nil
	}
	if c.loaded == nil {
		loaded, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(name), config.WithAppID("ecru"))
		if err != nil {
			return nil, err
		}
		c.loaded = &loaded
	}
	own := c.loaded.Copy()
	own.Region = name
	own.HTTPClient = c.client
	own.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // trying again is the engine's business
	r := &region{queues: sqs.NewFromConfig(own), topics: sns.NewFromConfig(own), buses: eventbridge.NewFromConfig(own)}
	c.regions[name] = r
	return r, nil
}

// sender makes the sender to a resource.
func (c *cloud) sender(a event.TargetARN, target event.Target) delivery.Sender {
	return &awsSender{cloud: c, to: a, target: target}
}

// awsSender sends to a queue, a topic or a bus.
type awsSender struct {
	cloud  *cloud
	to     event.TargetARN
	target event.Target
}

// Send is delivery.Sender.
func (s *awsSender) Send(ctx context.Context, m delivery.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.cloud.options.Timeout)
	defer cancel()
	in, err := s.cloud.in(ctx, s.to.Region)
	if err != nil {
		return err
	}
	switch s.to.Kind {
	case event.QueueTarget:
		err = s.toQueue(ctx, in.queues, m)
	case event.TopicTarget:
		err = s.toTopic(ctx, in.topics, m)
	default:
		err = s.toBus(ctx, in.buses, m)
	}
	return awsFailure(ctx, err)
}

func (s *awsSender) toQueue(ctx context.Context, client *sqs.Client, m delivery.Message) error {
	in := &sqs.SendMessageInput{QueueUrl: aws.String(s.queueURL(client)), MessageBody: aws.String(string(m.Body))}
	for name, value := range m.Attributes {
		if value == "" {
			continue // SQS takes none that is empty
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	if s.target.MessageGroupID != "" {
		in.MessageGroupId = aws.String(s.target.MessageGroupID)
	}
	if s.to.FIFO() {
		in.MessageDeduplicationId = aws.String(digest(messageID(m)))
	}
	_, err := client.SendMessage(ctx, in)
	return err
}

// queueURL is where a queue is by its name: SQS takes a URL and no ARN, and
// asking for it would need one more permission.
func (s *awsSender) queueURL(client *sqs.Client) string {
	base := "https://sqs." + s.to.Region + ".amazonaws.com"
	if s.to.Partition == "aws-cn" {
		base += ".cn"
	}
	if own := client.Options().BaseEndpoint; own != nil {
		base = strings.TrimSuffix(*own, "/")
	}
	return base + "/" + s.to.Account + "/" + s.to.Name
}

func (s *awsSender) toTopic(ctx context.Context, client *sns.Client, m delivery.Message) error {
	in := &sns.PublishInput{TopicArn: aws.String(s.to.ARN), Message: aws.String(string(m.Body))}
	for name, value := range m.Attributes {
		if value == "" {
			continue
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]snstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	if s.to.FIFO() {
		group := s.target.MessageGroupID
		if group == "" { // what is about one image stays in order
			group = digest(m.Lane)
		}
		in.MessageGroupId, in.MessageDeduplicationId = aws.String(group), aws.String(digest(messageID(m)))
	}
	_, err := client.Publish(ctx, in)
	return err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// toBus puts an event on another bus. AWS lets nobody send as aws.*: there,
// aws.ecr is ecru.ecr.
func (s *awsSender) toBus(ctx context.Context, client *eventbridge.Client, m delivery.Message) error {
	entry, err := busEntry(m)
	if err != nil {
		return err
	}
	entry.EventBusName = aws.String(s.to.ARN)
	out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{entry}})
	if err != nil {
		return err
	}
	if out.FailedEntryCount == 0 {
		return nil
	}
	code, message := "InternalFailure", ""
	for _, failed := range out.Entries {
		if failed.ErrorCode != nil {
			code, message = *failed.ErrorCode, aws.ToString(failed.ErrorMessage)
		}
	}
	return &delivery.Error{
		Status: code, Permanent: !worthAnother(code) && code != "InternalFailure" && code != "InternalException",
		Err: errors.New("the bus did not take the event: " + message),
	}
}

// busEntry makes an entry of an event. If an input has made something else of
// it, that is the detail.
func busEntry(m delivery.Message) (ebtypes.PutEventsRequestEntry, error) {
	var envelope struct {
		Resources []string        `json:"resources"`
		Detail    json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(m.Event, &envelope); err != nil {
		return ebtypes.PutEventsRequestEntry{}, never(errors.New("the event is not JSON"))
	}
	detail := []byte(envelope.Detail)
	if !bytes.Equal(m.Body, m.Event) {
		detail = bytes.TrimSpace(m.Body)
		if !json.Valid(detail) || detail[0] != '{' {
			return ebtypes.PutEventsRequestEntry{}, never(errors.New("a bus takes JSON objects only, and the target's input is none"))
		}
	}
	source := m.Source
	if rest, ok := strings.CutPrefix(source, "aws."); ok {
		source = "ecru." + rest
	}
	return ebtypes.PutEventsRequestEntry{
		Source: aws.String(source), DetailType: aws.String(m.DetailType), Detail: aws.String(string(detail)),
		Resources: envelope.Resources, Time: aws.Time(m.Time),
	}, nil
}
