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
)

// Secrets of many large versions are read to be listed. Many who list them at
// the same time do not have all of them in memory.
func TestListsOfLargeSecretsTakeLittleMemory(t *testing.T) {
	a, ctx := start(t), t.Context()
	large := aws.String(strings.Repeat("x", 64<<10))
	const secrets, labels = 10, 8
	for n := range secrets {
		name := fmt.Sprint("s", n)
		ok[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: &name, SecretString: large}))
		for l := range labels {
			ok[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: &name, SecretString: large, VersionStages: []string{fmt.Sprint("l", l)}}))
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
