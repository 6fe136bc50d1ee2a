package service

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

func TestAPrincipalIsHeldToTheRateOfAnAction(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	th := newThrottle(map[string]float64{"ecr:PutImage": 2}, func() time.Time { return now })
	const ann, bob = "arn:aws:iam::000000000000:user/ann", "arn:aws:iam::000000000000:user/bob"
	for i, want := range []registry.Code{"", "", registry.CodeThrottled} {
		if got := registry.CodeOf(th.take("ecr:PutImage", ann)); got != want {
			t.Errorf("call %d of ann: %q, want %q", i+1, got, want)
		}
	}
	if err := th.take("ecr:PutImage", bob); err != nil {
		t.Errorf("bob pays for ann: %v", err)
	}
	if err := th.take("ecr:BatchGetImage", ann); err != nil {
		t.Errorf("an action without a rate is held back: %v", err)
	}
	now = now.Add(500 * time.Millisecond)
	if err := th.take("ecr:PutImage", ann); err != nil {
		t.Errorf("half a second later: %v", err)
	}
}

func TestWithoutRatesNobodyIsHeldBack(t *testing.T) {
	th := newThrottle(nil, time.Now)
	for range 1000 {
		if err := th.take("ecr:PutImage", "somebody"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARateBelowOneAllowsTheFirstCall(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	th := newThrottle(map[string]float64{"ecr:PutImage": 0.1}, func() time.Time { return now })
	if err := th.take("ecr:PutImage", "x"); err != nil {
		t.Errorf("the first call: %v", err)
	}
	now = now.Add(9 * time.Second)
	if err := th.take("ecr:PutImage", "x"); registry.CodeOf(err) != registry.CodeThrottled {
		t.Errorf("nine seconds later: %v", err)
	}
}
