package target_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/registry"
)

var home = registry.Scope{Account: account, Region: "us-east-1"}

func TestTargetsThatNoRuleMayHave(t *testing.T) {
	all := newTargets(t, target.Options{AWS: []string{"*"}, Destinations: to("http://127.0.0.1:1", apiKey())})
	for _, arn := range []string{"arn:aws:lambda:us-east-1:123456789012:function:x", "arn:ecru:file/../x.jsonl", "x"} {
		var e *registry.Error
		if err := all.Validate(home, event.Target{ARN: arn}); !errors.As(err, &e) || e.Code != registry.CodeValidation || !strings.Contains(e.Message, arn) {
			t.Errorf("%s: %v", arn, err)
		}
		if _, err := all.Route(t.Context(), account, event.Target{ARN: arn}); !fateOf(t, err).permanent {
			t.Errorf("%s: %v", arn, err)
		}
	}
	for _, arn := range []string{destinationARN, "arn:ecru:stdout", fileARN, queueARN, topicARN, busARN} {
		if err := all.Validate(home, event.Target{ARN: arn}); err != nil {
			t.Error(err)
		}
	}
}

func TestNothingIsSentOnceTargetsAreClosed(t *testing.T) {
	all := target.New(target.Options{Guard: loopbackGuard(), Dir: t.TempDir(), Destinations: to("nats://127.0.0.1:1/x", apiKey())})
	file, err := all.Route(t.Context(), account, event.Target{ARN: fileARN})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Sender.Send(t.Context(), pushed()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := all.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Sender.Send(t.Context(), pushed()); err == nil {
		t.Error("the file is written")
	}
	if err := send(t, all, event.Target{}, pushed()); err == nil {
		t.Error("NATS is connected")
	}
}
