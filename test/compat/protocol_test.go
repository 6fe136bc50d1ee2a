package compat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// protocol are the checks of what all operations share: the wire protocol and
// who is let in. They are counted beside the table.
func protocol() []check {
	of := func(name string, run func(a *account)) check {
		return check{name: name, run: func(a *account, _ *operation) { run(a) }}
	}
	refusal := func(name, operation, body, code, text string) check {
		return of(name, func(a *account) { a.refusedRaw(a.send(operation, body), code, text) })
	}
	const serialization = "SerializationException"
	return []check{
		of("an empty body is an empty object", func(a *account) { a.answered(a.send("DescribeRepositories", "")) }),
		of("unknown members are passed over", func(a *account) {
			a.answered(a.send("DescribeRepositories", `{"colour":"red","nested":{"x":[1,{"y":null}]}}`))
		}),
		of("a member that is null is one that is not there", func(a *account) {
			a.answered(a.send("DescribeRepositories", `{"maxResults":null,"repositoryNames":null}`))
		}),
		of("another media type with a character set", func(a *account) {
			request := a.request(target+".DescribeRegistry", "ecr", []byte("{}"))
			request.Header.Set("Accept", "application/json; charset=utf-8")
			a.answered(a.exchange(request))
		}),
		refusal("a body that is no JSON", "DescribeRepositories", `maxResults: 1`, serialization, "Unexpected character at position 0"),
		refusal("a body that ends too early", "DescribeRepositories", `{"maxResults":1`, serialization, "Unexpected end of input"),
		refusal("a list for an object", "DescribeRepositories", `[]`, serialization, "Start of list found where not expected"),
		refusal("an object for a text", "DeleteRepository", `{"repositoryName":{}}`, serialization, "Start of structure or map found where not expected."),
		refusal("a number for a text", "DeleteRepository", `{"repositoryName":1}`, serialization, "NUMBER_VALUE can not be converted to a String"),
		refusal("a text for a number", "DescribeRepositories", `{"maxResults":"1"}`, serialization, "STRING_VALUE can not be converted to an Integer"),
		refusal("a text for a list", "DescribeRepositories", `{"repositoryNames":"web"}`, serialization, "Expected list or null"),
		refusal("an operation that there is not", "MakeCoffee", `{}`, "UnknownOperationException", ""),
		of("no signature", func(a *account) {
			a.key = aws.Credentials{}
			a.refusedRaw(a.send("DescribeRegistry", "{}"), "MissingAuthenticationTokenException", "Missing Authentication Token")
		}),
		of("a key that there is not", func(a *account) {
			a.key.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
			a.refusedRaw(a.send("DescribeRegistry", "{}"), "UnrecognizedClientException", "The security token included in the request is invalid.")
		}),
		of("another secret", func(a *account) {
			a.key.SecretAccessKey += "x"
			a.refusedRaw(a.send("DescribeRegistry", "{}"), "InvalidSignatureException",
				"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
		}),
		of("a body that was changed on its way", func(a *account) {
			request := a.request(target+".DescribeRepositories", "ecr", []byte(`{"maxResults":1}`))
			changed, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, request.URL.String(), bytes.NewReader([]byte(`{"maxResults":2}`)))
			a.must(err)
			changed.Header = request.Header
			if e := a.exchange(changed); e.status != http.StatusBadRequest {
				a.t.Errorf("%d %s", e.status, e.body)
			}
		}),
		of("times are numbers of seconds", func(a *account) {
			a.repository(web)
			var body struct {
				Repositories []struct{ CreatedAt json.Number }
			}
			a.must(json.Unmarshal(a.send("DescribeRepositories", "{}").body, &body))
			seconds, err := body.Repositories[0].CreatedAt.Float64()
			a.must(err)
			if age := time.Since(time.UnixMilli(int64(seconds * 1000))); age < -time.Minute || age > 2*time.Minute {
				a.t.Errorf("createdAt is %s", body.Repositories[0].CreatedAt)
			}
		}),
		of("tags are Key and Value, in both directions", func(a *account) {
			arn := a.tagged("k", "v")
			a.refusedRaw(a.send("TagResource", encoded(map[string]any{"resourceArn": arn, "tags": []any{map[string]string{"key": "k", "value": "v"}}})),
				invalidParameter, violates("tags.1.member.Key", "Member must not be null"))
			if body := string(a.send("ListTagsForResource", encoded(map[string]any{"resourceArn": arn})).body); body != `{"tags":[{"Key":"k","Value":"v"}]}` {
				a.t.Error(body)
			}
		}),
		of("a registry is chosen by the name of the host", func(a *account) {
			other := a.house.account(a.t)
			other.repository("theirs")
			policy := registryAllows(`{"AWS":"`+a.id+`"}`, `"ecr:DescribeRepositories"`)
			do(other, other.PutRegistryPolicy, &ecr.PutRegistryPolicyInput{PolicyText: &policy})
			request := a.requestTo(other.id+".dkr.ecr."+a.region+"."+a.house.server.Host, target+".DescribeRepositories", "ecr", []byte("{}"))
			var body struct {
				Repositories []struct{ RepositoryName string }
			}
			a.must(json.Unmarshal(a.exchange(request).body, &body))
			if len(body.Repositories) != 1 || body.Repositories[0].RepositoryName != "theirs" {
				a.t.Errorf("%+v", body)
			}
		}),
		of("the waiter of the SDK ends with the scan", func(a *account) {
			a.ready(web)
			a.alpine(web, "v1")
			do(a, a.StartImageScan, &ecr.StartImageScanInput{RepositoryName: aws.String(web), ImageId: byTag("v1")})
			a.must(ecr.NewImageScanCompleteWaiter(a.Client).Wait(a.t.Context(), &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String(web), ImageId: byTag("v1")},
				time.Minute, func(o *ecr.ImageScanCompleteWaiterOptions) { o.MinDelay = 10 * time.Millisecond }))
		}),
	}
}

// answered fails the check unless an exchange went well.
func (a *account) answered(e exchange) {
	a.t.Helper()
	if e.status != http.StatusOK {
		a.t.Errorf("%d %s", e.status, e.body)
	}
}

// runProtocol runs the checks that have no operation and answers how many have
// passed.
func runProtocol(t *testing.T, house *house) (passed int) {
	for _, c := range protocol() {
		if t.Run(c.name, func(t *testing.T) { c.run(house.account(t), nil) }) {
			passed++
		}
	}
	return passed
}
