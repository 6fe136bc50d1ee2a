package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	eventRules      = 20
	eventsPerCall   = 10
	eventClients    = 4
	eventGoal       = 2000 // a second
	eventRepository = "events"
	// eventText is what a push says, so that events weigh what they do.
	eventText = `{"result":"SUCCESS","repository-name":"team-%d/app","image-digest":"sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234abcd","action-type":"PUSH","image-tag":"latest"}`
)

// eventRows measures how many events a second pass the rules and reach a local
// endpoint, and what delivering them costs pushes.
func (b *bench) eventRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcruWith(ctx, dir, eventRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	process, target, err := startReference(ctx, countReference, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	alone, err := repeat(ctx, b.rounds, withCPU(ecru.process, b.pushing(ecru.endpoint, eventRepository, onePut)))
	if err != nil {
		return err
	}
	for n := range eventRules {
		if err := ecru.subscribe(ctx, n, "http://"+target.host+"/"); err != nil {
			return err
		}
	}
	measure := b.delivering(ecru, target)
	posts := withCPU(process, func(ctx context.Context) (float64, error) {
		body := fmt.Appendf(nil, eventText, 7)
		return rate(ctx, target, eventClients, b.duration, func(c *conn, _, _ int) error {
			_, err := c.do(request{method: "POST", path: "/", contentType: "application/json", body: body}, 200)
			return err
		})
	})
	r := row{what: fmt.Sprintf("events through %d rules, from the call that puts them to the answer of a local endpoint", eventRules), unit: "events/s", reference: "bare posts to that endpoint"}
	p, err := alternate(ctx, b.rounds, withCPU(ecru.process, measure), posts)
	if err != nil {
		return fmt.Errorf("%s: %w", r.what, err)
	}
	reached := median(p.ours)
	b.add(result{
		what: r.what, ours: amount(reached, r.unit), reference: r.reference + ": " + amount(median(p.theirs), r.unit),
		ratio: factor(reached / median(p.theirs)), goal: "≥ " + amount(eventGoal, r.unit), met: yesNo(reached >= eventGoal),
	})
	if err := ecru.subscribeTo(ctx, "pushes", `{"source":["aws.ecr"]}`, "destination-0"); err != nil {
		return err
	}
	together, err := repeat(ctx, b.rounds, withCPU(ecru.process, b.pushing(ecru.endpoint, eventRepository, onePut)))
	if err != nil {
		return err
	}
	b.add(result{
		what: "push of small images while each is delivered as an event", ours: amount(median(together), "images/s"),
		reference: "without a rule: " + amount(median(alone), "images/s"), ratio: factor(median(together) / median(alone)), goal: "–", met: "–",
	})
	return nil
}

// subscribe makes a rule for one of twenty repositories with a target of its own.
func (s *server) subscribe(ctx context.Context, n int, endpoint string) error {
	called := fmt.Sprint("destination-", n)
	connection, err := s.bus.CreateConnection(ctx, &eventbridge.CreateConnectionInput{
		Name: &called, AuthorizationType: types.ConnectionAuthorizationTypeApiKey,
		AuthParameters: &types.CreateConnectionAuthRequestParameters{
			ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: &called},
		},
	})
	if err != nil {
		return err
	}
	_, err = s.bus.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
		Name: &called, ConnectionArn: connection.ConnectionArn, InvocationEndpoint: &endpoint, HttpMethod: types.ApiDestinationHttpMethodPost,
	})
	if err != nil {
		return err
	}
	pattern := fmt.Sprintf(`{"source":["bench.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"result":["SUCCESS"],"repository-name":[{"prefix":"team-%d/"}]}}`, n)
	return s.subscribeTo(ctx, fmt.Sprint("rule-", n), pattern, called)
}

func (s *server) subscribeTo(ctx context.Context, rule, pattern, destination string) error {
	found, err := s.bus.DescribeApiDestination(ctx, &eventbridge.DescribeApiDestinationInput{Name: &destination})
	if err != nil {
		return err
	}
	if _, err := s.bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: &rule, EventPattern: &pattern}); err != nil {
		return err
	}
	_, err = s.bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &rule, Targets: []types.Target{{Id: aws.String("1"), Arn: found.ApiDestinationArn}}})
	return err
}

// delivering puts events for a while and waits until all have arrived.
func (b *bench) delivering(ecru *server, target endpoint) measurement {
	return func(ctx context.Context) (float64, error) {
		before, err := posts(ctx, target)
		if err != nil {
			return 0, err
		}
		var put atomic.Int64
		begin := time.Now()
		_, err = rate(ctx, target, eventClients, b.duration, func(_ *conn, client, n int) error {
			put.Add(eventsPerCall)
			return ecru.putEvents(ctx, client+n)
		})
		if err != nil {
			return 0, err
		}
		say("    all were put after %s", time.Since(begin).Round(time.Millisecond))
		arrived := before
		err = await(ctx, 5*time.Millisecond, patience, "the events to arrive", func() (bool, error) {
			arrived, err = posts(ctx, target)
			return arrived-before >= put.Load(), err
		})
		return float64(arrived-before) / time.Since(begin).Seconds(), err
	}
}

func (s *server) putEvents(ctx context.Context, n int) error {
	entries := make([]types.PutEventsRequestEntry, eventsPerCall)
	for i := range entries {
		detail := fmt.Sprintf(eventText, (n+i)%eventRules)
		entries[i] = types.PutEventsRequestEntry{Source: aws.String("bench.ecr"), DetailType: aws.String("ECR Image Action"), Detail: &detail}
	}
	out, err := s.bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("%d events were refused", out.FailedEntryCount)
	}
	return err
}

// posts asks the endpoint how much it has got.
func posts(ctx context.Context, target endpoint) (int64, error) {
	c, err := target.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	answer, err := c.do(request{method: "GET", path: "/", keep: true}, 200)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(answer.body), 10, 64)
}
