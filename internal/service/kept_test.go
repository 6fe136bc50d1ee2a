package service

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/iam"
)

// longPolicy is as long as policies may be.
func longPolicy(i int) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"%d%s","Statement":[{"Effect":"Deny","Principal":"*","Action":"a:b"}]}`, i, strings.Repeat("x", 10_000))
}

func TestCompiledPoliciesOfStrangersDoNotFillTheMemory(t *testing.T) {
	c := newCompiledPolicies()
	for i := range 700 {
		if _, err := c.get(iam.ResourcePolicy, longPolicy(i)); err != nil {
			t.Fatal(err)
		}
		body := marshalRecord(storedIdentity{ID: fmt.Sprint(i), Policies: attachments{Inline: map[string]string{"p": strings.Replace(longPolicy(i), `"Principal":"*"`, `"Resource":"*"`, 1)}}})
		if _, err := c.identity(body); err != nil {
			t.Fatal(err)
		}
	}
	texts := 0
	for _, key := range c.documents.cache.Keys() {
		texts += len(key.text)
	}
	for _, key := range c.identities.cache.Keys() {
		texts += len(key)
	}
	if most := 2 * keptText; texts > most {
		t.Errorf("%d bytes of policies are kept, want at most %d", texts, most)
	}
	if _, ok := c.documents.Get(policyText{iam.ResourcePolicy, longPolicy(699)}); !ok {
		t.Error("the policy that was used last is forgotten")
	}
}

func TestWhatIsKeptIsCountedRight(t *testing.T) {
	k := newKept[string, int](4, 10, func(s string) int { return len(s) })
	var all sync.WaitGroup
	for _, key := range []string{"aaaa", "bbbb", "cccc", "d", "e", "f", "gggggggggggg"} {
		for i := range 20 {
			all.Go(func() { k.Add(key, i) })
		}
	}
	all.Wait()
	for _, key := range []string{"1", "22", "333"} {
		k.Add(key, 0)
	}
	held := 0
	for _, key := range k.cache.Keys() {
		held += len(key)
	}
	if int64(held) != k.held.Load() || held > 10 {
		t.Errorf("%d bytes are kept, %d are counted", held, k.held.Load())
	}
}
