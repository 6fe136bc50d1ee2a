package sql

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// crashFindingsEnv makes this test program a process that scans, follows changes
// and deletes until it is killed.
const crashFindingsEnv = "ECRU_TEST_CRASH_FINDINGS"

// TestFindingsSurviveAKill kills a process in the middle of its scans: what it
// said was settled is there, each finding with the event that tells of it and no
// event without, and the coverage of deleted images knows.
func TestFindingsSurviveAKill(t *testing.T) {
	if path := os.Getenv(crashFindingsEnv); path != "" {
		scanUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "ecru.db")
	settled := map[string]bool{}
	for round := range 3 {
		scanAndKill(t, path, settled)
		s := open(t, "sqlite:"+path)
		found := map[string]bool{}
		all, err := s.ListFindings(t.Context(), benchAccount, meta.FindingQuery{Limit: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			found[f.UID] = true
		}
		for uid := range settled {
			if !found[uid] {
				t.Errorf("round %d: the finding %s was acknowledged", round, uid)
			}
		}
		checkFindingsTold(t, s, found)
		checkInvariants(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkFindingsTold(t *testing.T, s *Store, found map[string]bool) {
	t.Helper()
	pending, err := s.PendingEvents(t.Context(), 1_000_000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, e := range pending {
		if told[string(e.Body)] = true; !found[string(e.Body)] {
			t.Errorf("an event tells of %s, which is not there", e.Body)
		}
	}
	if len(told) != len(found) {
		t.Errorf("%d findings, %d are told of", len(found), len(told))
	}
}

// scanAndKill runs this program until it has acknowledged 60 images, kills it,
// and adds the findings that it has acknowledged.
func scanAndKill(t *testing.T, path string, settled map[string]bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFindingsSurviveAKill$", "-test.v=false")
	child.Env = append(os.Environ(), crashFindingsEnv+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if uid, ok := strings.CutPrefix(lines.Text(), "settled "); ok {
			settled[uid], n = true, n+1
		} else {
			t.Log(lines.Text())
		}
		if n == 60 {
			_ = child.Process.Kill() // what is printed until then counts too
		}
	}
	if err := child.Wait(); err == nil {
		t.Error("the process ended before it was killed")
	}
}

func scanUntilKilled(t *testing.T, path string) {
	ctx := context.Background()
	s, err := Open(ctx, Config{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := s.Repository(ctx, benchAccount, "web")
	if err != nil {
		repo = metatest.Repo(t, s, "web")
	}
	pid := os.Getpid()
	parallel(1_000_000, 8, func(n int) {
		uid, err := scanOnce(t, s, repo, fmt.Sprint(pid, "-", n), n%4 == 0)
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Println("settled " + uid)
	})
}

// scanOnce scans an image of which one component has a problem, and deletes it
// if it is to.
func scanOnce(t *testing.T, s *Store, repo *registry.Repository, name string, remove bool) (uid string, err error) {
	ctx := context.Background()
	in := metatest.Push("web", metatest.Image(metatest.Blob(t, s, "web", name, 1)), name)
	if _, err := s.PutImage(ctx, in); err != nil {
		return "", err
	}
	indexed, err := s.IndexInventory(ctx, name, []finding.Component{metatest.Component("a", "1"), metatest.Component("b", name)})
	if err != nil {
		return "", err
	}
	problem := finding.Problem{VulnerabilityID: "CVE-" + name}
	if _, err := s.PutProblems(ctx, []meta.ComponentProblems{{Component: indexed[1].ID, Problems: []finding.Problem{problem}}}); err != nil {
		return "", err
	}
	c := metatest.Covered(repo, in.Digest)
	c.InventoryID = name
	if _, err := s.PutCoverage(ctx, &c, nil); err != nil {
		return "", err
	}
	err = s.SettleFindings(ctx, []int64{c.ID}, nil, func(i meta.Settling) (meta.Settled, error) {
		var out meta.Settled
		for _, p := range i.Problems {
			uid = finding.UID(repo.ID, in.Digest, p.VulnerabilityID)
			out.Findings = append(out.Findings, finding.State{VulnerabilityID: p.VulnerabilityID, Status: finding.Active, Severity: registry.High})
			out.Events = append(out.Events, meta.Event{Account: benchAccount, Lane: in.Digest, At: time.Now(), Body: []byte(uid)})
		}
		return out, nil
	})
	if err == nil && remove {
		_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: benchAccount, Repository: "web", ID: registry.ImageID{Digest: in.Digest}})
	}
	return uid, err
}
