package secretsmanager_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// atOnce calls f with each number below n at once.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func TestOfManyWhoCreateASecretOneDoes(t *testing.T) {
	a, ctx := start(t), t.Context()
	var made atomic.Int64
	atOnce(16, func(i int) {
		_, err := a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String(fmt.Sprint(i))})
		switch {
		case err == nil:
			made.Add(1)
		case !strings.Contains(err.Error(), "The operation failed because the secret s already exists."):
			t.Error(err)
		}
	})
	if made.Load() != 1 {
		t.Errorf("%d have made it", made.Load())
	}
}

func TestNoChangeOfManyIsLost(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("s", "first")
	atOnce(16, func(i int) {
		if _, err := a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String(fmt.Sprint(i))}); err != nil {
			t.Error(err)
		}
	})
	out := apitest.OK[*sdk.ListSecretVersionIdsOutput](t)(a.ListSecretVersionIds(ctx, &sdk.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: aws.Bool(true)}))
	if len(out.Versions) != 17 {
		t.Errorf("%d versions are left of 17", len(out.Versions))
	}
}

// A secret that is due is removed by who creates its successor and by the sweep
// at once: neither may take the successor away.
func TestTheSuccessorOfASecretThatIsDueStays(t *testing.T) {
	a, ctx := start(t), t.Context()
	for i := range 20 {
		name := aws.String(fmt.Sprint("s", i))
		a.secret(*name, "old")
		apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)}))
	}
	a.Wait(8 * 24 * time.Hour)
	var made sync.Map
	atOnce(40, func(i int) {
		if i >= 20 {
			if err := a.svc.SweepSecrets(ctx); err != nil {
				t.Error(err)
			}
			return
		}
		// Who comes while it is being removed is told to try again.
		name := aws.String(fmt.Sprint("s", i))
		for {
			_, err := a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: name, SecretString: aws.String("new")})
			if err == nil {
				made.Store(*name, true)
				return
			}
			if !strings.Contains(err.Error(), "already scheduled for deletion") {
				t.Error(err)
				return
			}
		}
	})
	for i := range 20 {
		name := fmt.Sprint("s", i)
		if _, there := made.Load(name); !there || a.value(name) != "new" {
			t.Errorf("%s is not the new one", name)
		}
	}
}
