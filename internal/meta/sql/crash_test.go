package sql

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// crashEnv makes this test program a process that pushes until it is killed.
const crashEnv = "ECRU_TEST_CRASH_DATABASE"

// TestAcknowledgedPushesSurviveAKill kills a process in the middle of its
// pushes: every image that it said was stored is there, whole, with the event
// that tells of it, and the database is not left locked.
func TestAcknowledgedPushesSurviveAKill(t *testing.T) {
	if path := os.Getenv(crashEnv); path != "" {
		pushUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "ecru.db")
	acknowledged := 0
	for round := range 3 {
		acknowledged += pushAndKill(t, path)
		s := open(t, "sqlite:"+path)
		tags, err := s.ListTags(t.Context(), benchAccount, "web", "", 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(tags) < acknowledged {
			t.Errorf("round %d: %d pushes were acknowledged, %d are there", round, acknowledged, len(tags))
		}
		for _, tag := range tags {
			if _, err := s.Manifest(t.Context(), benchAccount, "web", registry.Reference{Tag: tag}); err != nil {
				t.Error(err)
			}
		}
		checkTold(t, s, tags)
		checkInvariants(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkTold looks for a tag that nothing tells of, or an event of a tag that is
// not there.
func checkTold(t *testing.T, s *Store, tags []string) {
	t.Helper()
	pending, err := s.PendingEvents(t.Context(), 1_000_000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range pending {
		told = append(told, string(e.Body))
	}
	slices.Sort(told)
	if !slices.Equal(tags, told) {
		t.Errorf("%d tags are there, %d are told of", len(tags), len(told))
	}
}

// pushAndKill runs this program until it has acknowledged 100 pushes, kills it
// and answers how many it had acknowledged.
func pushAndKill(t *testing.T, path string) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAcknowledgedPushesSurviveAKill$", "-test.v=false")
	child.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "stored" {
			n++
		} else {
			t.Log(lines.Text())
		}
		if n == 100 {
			_ = child.Process.Kill() // what is printed until then counts too
		}
	}
	if err := child.Wait(); err == nil {
		t.Error("the process ended before it was killed")
	}
	return n
}

func pushUntilKilled(t *testing.T, path string) {
	s, err := Open(context.Background(), Config{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Repository(context.Background(), benchAccount, "web")
	if err != nil {
		metatest.Repo(t, s, "web")
	}
	pid := os.Getpid()
	parallel(1_000_000, 8, func(i int) {
		name := fmt.Sprint(pid, "-", i)
		in := metatest.Push("web", metatest.Image(metatest.Blob(t, s, "web", name, 1)), name)
		in.Announce = func(c meta.Change) []meta.Event {
			return []meta.Event{{Account: c.Account, Lane: c.Image.Digest, At: time.Now(), Body: []byte(c.IDs[0].Tag)}}
		}
		if _, err := s.PutImage(context.Background(), in); err != nil {
			t.Error(err)
			return
		}
		fmt.Println("stored")
	})
}
