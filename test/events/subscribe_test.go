package events

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/server"
)

// images is the pattern of all events about images.
const images = `{"source":["aws.ecr"],"detail-type":["ECR Image Action"]}`

// bus is EventBridge as the AWS SDK sees it.
func bus(s *server.Server) *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		BaseEndpoint: &s.URL, Region: s.Credentials.Region,
		Credentials: credentials.NewStaticCredentialsProvider(s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey, ""),
	})
}

// destination makes an API destination with a connection of its own and answers
// its ARN.
func destination(t *testing.T, s *server.Server, called, endpoint string) string {
	t.Helper()
	b := bus(s)
	connection, err := b.CreateConnection(t.Context(), &eventbridge.CreateConnectionInput{
		Name: &called, AuthorizationType: types.ConnectionAuthorizationTypeApiKey,
		AuthParameters: &types.CreateConnectionAuthRequestParameters{
			ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String("key of " + called)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := b.CreateApiDestination(t.Context(), &eventbridge.CreateApiDestinationInput{
		Name: &called, ConnectionArn: connection.ConnectionArn, InvocationEndpoint: &endpoint, HttpMethod: types.ApiDestinationHttpMethodPost,
	})
	if err != nil {
		t.Fatal(err)
	}
	return *made.ApiDestinationArn
}

// subscribe has a rule send what matches a pattern to a target.
func subscribe(t *testing.T, s *server.Server, rule, pattern, arn string) {
	t.Helper()
	b := bus(s)
	if _, err := b.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &rule, EventPattern: &pattern}); err != nil {
		t.Fatal(err)
	}
	out, err := b.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &rule, Targets: []types.Target{{Id: aws.String("1"), Arn: &arn}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.FailedEntries {
		t.Fatalf("target %s: %s: %s", *f.TargetId, *f.ErrorCode, *f.ErrorMessage)
	}
}

// pusher pushes small images.
type pusher struct {
	host string
	auth remote.Option
}

func newPusher(t *testing.T, s *server.Server) pusher {
	t.Helper()
	return pusher{s.Host, remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: server.User, Password: s.Password(t)}))}
}

// push pushes a new image to a tag, once, and answers its digest.
func (p pusher) push(repository, tag string) (digest string, err error) {
	image, err := random.Image(100, 1)
	if err != nil {
		return "", err
	}
	return p.put(repository, tag, image)
}

func (p pusher) put(repository, tag string, image v1.Image) (string, error) {
	ref, err := name.NewTag(p.host+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		return "", err
	}
	digest, err := image.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), remote.Write(ref, image, p.auth, remote.WithRetryPredicate(func(error) bool { return false }))
}

// logged answers all events that the server has kept, as its operator reads them.
func logged(t *testing.T, s *server.Server) []envelope {
	t.Helper()
	var all []envelope
	lines := bufio.NewScanner(strings.NewReader(s.Run(t, "events", "tail", "--data", s.Data, "--since", "24h", "--json")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e envelope
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
