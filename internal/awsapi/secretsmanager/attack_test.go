package secretsmanager_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// Secrets of many large versions are read to be listed. Many who list them at
// the same time do not have all of them in memory.
func TestListsOfLargeSecretsTakeLittleMemory(t *testing.T) {
	a, ctx := start(t), t.Context()
	large := aws.String(strings.Repeat("x", 64<<10))
	const secrets, labels = 10, 8
	for n := range secrets {
		name := fmt.Sprint("s", n)
		apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: &name, SecretString: large}))
		for l := range labels {
			apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: &name, SecretString: large, VersionStages: []string{fmt.Sprint("l", l)}}))
		}
	}
	runtime.GC()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	before, most := inUse(), atomic.Uint64{}
	end, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				most.Store(max(most.Load(), inUse()))
			}
		}
	}()
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			out, err := a.ListSecrets(ctx, &sdk.ListSecretsInput{Filters: []types.Filter{{Key: "name", Values: []string{"none"}}}})
			if err != nil || len(out.SecretList) != 0 {
				t.Error(out, err)
			}
		})
	}
	all.Wait()
	close(end)
	<-watched
	if grown := int64(most.Load()) - int64(before); grown > 100<<20 {
		t.Errorf("the lists took %d MiB", grown>>20)
	} else {
		t.Logf("the lists took %d MiB", grown>>20)
	}
}

// The conditions by which people keep others from deleting secrets for good, or
// from old values, hold.
func TestConditionsAskHowASecretIsDeletedAndRead(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("s", "one")
	u := a.user("careful", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"},
		{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":{"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"true"}}},
		{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":{"NumericLessThan":{"secretsmanager:RecoveryWindowInDays":"14"}}},
		{"Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringNotEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}},
		{"Effect":"Deny","Action":"secretsmanager:CreateSecret","Resource":"*","Condition":{"StringLike":{"secretsmanager:Name":"prod/*"}}}]}`)
	remove := func(in sdk.DeleteSecretInput) error {
		in.SecretId = aws.String("s")
		_, err := u.DeleteSecret(ctx, &in)
		return err
	}
	read := func(stage *string) error {
		_, err := u.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("s"), VersionStage: stage})
		return err
	}
	create := func(name string) error {
		_, err := u.CreateSecret(ctx, &sdk.CreateSecretInput{Name: &name, SecretString: aws.String("x")})
		return err
	}
	for what, err := range map[string]error{
		"for good": remove(sdk.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(true)}), "soon": remove(sdk.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(7)}),
		"an old value": read(aws.String("AWSPREVIOUS")), "a name": create("prod/db"),
	} {
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"the current value": read(nil), "the same": read(aws.String("AWSCURRENT")), "another name": create("dev/db"), "in time": remove(sdk.DeleteSecretInput{}),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
