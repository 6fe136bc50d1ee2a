package event

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// TargetKind is what a target is.
type TargetKind int

// The kinds of targets.
const (
	DestinationTarget TargetKind = iota + 1 // an API destination of the same account
	StdoutTarget                            // the server's standard output
	FileTarget                              // a file in the server's directory of events
	QueueTarget                             // Amazon SQS
	TopicTarget                             // Amazon SNS
	BusTarget                               // an event bus of Amazon EventBridge
)

// TargetARN is the resource name of a target, taken apart.
type TargetARN struct {
	ARN  string
	Kind TargetKind
	// Partition, Region and Account are empty for stdout and files.
	Partition, Region, Account string
	// Name is that of the destination, file, queue, topic or bus.
	Name string
	// CloudEvents asks for CloudEvents in stdout or a file.
	CloudEvents bool
}

// FIFO says whether a queue or topic keeps its messages in order.
func (a TargetARN) FIFO() bool {
	return (a.Kind == QueueTarget || a.Kind == TopicTarget) && strings.HasSuffix(a.Name, ".fifo")
}

// OfAWS says whether it is a resource of AWS, reached with the server's own
// credentials.
func (a TargetARN) OfAWS() bool {
	return a.Kind == QueueTarget || a.Kind == TopicTarget || a.Kind == BusTarget
}

var (
	regionName      = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	destinationName = regexp.MustCompile(`^api-destination/([.\-_A-Za-z0-9]{1,64})/[0-9A-Za-z-]{1,64}$`)
	busName         = regexp.MustCompile(`^event-bus/([/.\-_A-Za-z0-9]{1,256})$`)
	queueName       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)
	topicName       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$|^[A-Za-z0-9_-]{1,251}\.fifo$`)
	fileName        = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}\.jsonl$`)
)

// ParseTargetARN reads the resource name of a target. Error: Validation.
func ParseTargetARN(arn string) (TargetARN, error) {
	if rest, ok := strings.CutPrefix(arn, "arn:ecru:"); ok {
		return parseOwnARN(arn, rest)
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return TargetARN{}, malformedARN(arn)
	}
	a := TargetARN{ARN: arn, Partition: parts[1], Region: parts[3], Account: parts[4]}
	if !slices.Contains([]string{"aws", "aws-cn", "aws-us-gov"}, a.Partition) {
		return TargetARN{}, foreignARN(arn)
	}
	if !a.resource(parts[2], parts[5]) {
		return TargetARN{}, foreignARN(arn)
	}
	if !registry.ValidAccount(a.Account) || len(a.Region) > 32 || !regionName.MatchString(a.Region) || a.Name == "" {
		return TargetARN{}, malformedARN(arn)
	}
	return a, nil
}

// resource reads what service and resource say, and whether ecru delivers to
// such. The name stays empty if it is none.
func (a *TargetARN) resource(service, resource string) bool {
	match := func(kind TargetKind, name *regexp.Regexp) bool {
		a.Kind = kind
		if found := name.FindStringSubmatch(resource); found != nil {
			a.Name = found[len(found)-1]
		}
		return true
	}
	switch {
	case service == "sqs":
		return match(QueueTarget, queueName)
	case service == "sns":
		return match(TopicTarget, topicName)
	case service == "events" && strings.HasPrefix(resource, "event-bus/"):
		return match(BusTarget, busName)
	case service == "events" && strings.HasPrefix(resource, "api-destination/"):
		return match(DestinationTarget, destinationName)
	}
	return false
}

// parseOwnARN reads stdout and file/NAME.jsonl, both with ?format=cloudevents.
func parseOwnARN(arn, rest string) (TargetARN, error) {
	resource, rawQuery, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return TargetARN{}, malformedARN(arn)
	}
	a := TargetARN{ARN: arn}
	if a.CloudEvents, err = formatOf(query); err != nil {
		return TargetARN{}, registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: %s.", arn, err)
	}
	name, isFile := strings.CutPrefix(resource, "file/")
	switch {
	case resource == "stdout":
		a.Kind = StdoutTarget
	case isFile && fileName.MatchString(name):
		a.Kind, a.Name = FileTarget, name
	case isFile:
		return TargetARN{}, registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: the file must be called NAME.jsonl, with letters, digits, '.', '_' and '-' only.", arn)
	default:
		return TargetARN{}, foreignARN(arn)
	}
	return a, nil
}

func malformedARN(arn string) error {
	return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: Provided Arn is not in correct format.", arn)
}

func foreignARN(arn string) error {
	return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: it is not a target that ecru can deliver to. There are API destinations, arn:ecru:stdout, arn:ecru:file/NAME.jsonl, and queues of SQS, topics of SNS and event buses of AWS.", arn)
}

// ValidateTarget says whether a rule of home may have such a target, as far as
// can be known without asking anybody. Error: Validation.
func ValidateTarget(home registry.Scope, t Target) error {
	a, err := ParseTargetARN(t.ARN)
	if err != nil {
		return err
	}
	switch {
	case a.Kind == DestinationTarget && (a.Account != home.Account || a.Region != home.Region || a.Partition != "aws"):
		return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: an API destination must be of the rule's account and region.", t.ARN)
	case a.Kind == BusTarget && a.Account == home.Account && a.Region == home.Region && a.Name == DefaultBus:
		return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: a bus must not be a target of its own rules.", t.ARN)
	case a.Kind == QueueTarget && a.FIFO() && t.MessageGroupID == "":
		return registry.TargetParameterMissing("SqsParameters", t.ID)
	case t.MessageGroupID != "" && a.Kind != QueueTarget && !a.FIFO():
		return registry.TargetParameterUnsupported("SqsParameters", t.ID)
	case t.HTTP != nil && a.Kind != DestinationTarget:
		return registry.TargetParameterUnsupported("HttpParameters", t.ID)
	}
	return validateDeadLetters(t)
}

// validateDeadLetters: what is given up goes to a queue that takes anything.
func validateDeadLetters(t Target) error {
	if t.DeadLetterARN == "" {
		return nil
	}
	switch a, err := ParseTargetARN(t.DeadLetterARN); {
	case err == nil && a.Kind == QueueTarget && !a.FIFO():
		return nil
	case err == nil && a.Kind == QueueTarget:
		return registry.DeadLettersInOrder()
	}
	if parts := strings.SplitN(t.DeadLetterARN, ":", 4); len(parts) == 4 && parts[0] == "arn" && parts[2] != "" && parts[2] != "sqs" {
		return registry.DeadLettersUnsupported(parts[2])
	}
	return malformedARN(t.DeadLetterARN)
}
