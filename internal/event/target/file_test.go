package target_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
)

const fileARN = "arn:ecru:file/pushes.jsonl"

// numbered is a message whose body has a number.
func numbered(n int) delivery.Message {
	m := pushed()
	m.Body = fmt.Appendf(nil, `{"n":%d}`, n)
	return m
}

func lines(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(text), "\n")
}

func TestAFileGetsALineOfJSONEach(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	all := newTargets(t, target.Options{Dir: dir})
	m := pushed()
	for _, body := range []string{"{\n  \"a\": [1,\n 2]\n}", "plain\ntext <&>", `"text"`, ""} {
		m.Body = []byte(body)
		if err := send(t, all, event.Target{ARN: fileARN}, m); err != nil {
			t.Fatal(err)
		}
	}
	want := "{\"a\":[1,2]}\n\"plain\\ntext <&>\"\n\"text\"\n\"\"\n"
	if got := strings.Join(lines(t, filepath.Join(dir, "pushes.jsonl")), ""); got != want {
		t.Errorf("%q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "pushes.jsonl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

func TestCloudEventsInFilesAndStdout(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	all := newTargets(t, target.Options{Dir: dir, Stdout: &out})
	for _, arn := range []string{fileARN + "?format=cloudevents", "arn:ecru:stdout?format=cloudevents", "arn:ecru:stdout"} {
		if err := send(t, all, event.Target{ARN: arn}, pushed()); err != nil {
			t.Fatal(err)
		}
	}
	printed := strings.SplitAfter(out.String(), "\n")
	if len(printed) != 3 || printed[1] != string(pushed().Body)+"\n" {
		t.Fatalf("%q", printed)
	}
	for _, line := range []string{lines(t, filepath.Join(dir, "pushes.jsonl"))[0], printed[0]} {
		e := object(t, []byte(line))
		if data, _ := e["data"].(map[string]any); e["specversion"] != "1.0" || e["id"] != eventID || data["id"] != eventID {
			t.Errorf("%v", e)
		}
	}
}

func TestManyWritersShareAFile(t *testing.T) {
	dir := t.TempDir()
	all := newTargets(t, target.Options{Dir: dir})
	var writers sync.WaitGroup
	for w := range 50 {
		writers.Go(func() {
			for i := range 20 {
				if err := send(t, all, event.Target{ARN: fileARN}, numbered(w*20+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	seen := map[string]bool{}
	for _, line := range lines(t, filepath.Join(dir, "pushes.jsonl")) {
		seen[line] = true
	}
	if len(seen) != 1001 || !seen[""] {
		t.Errorf("%d different lines", len(seen))
	}
}

func TestAFileThatOthersRotate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pushes.jsonl")
	all := newTargets(t, target.Options{Dir: dir})
	write := func(n int) {
		t.Helper()
		if err := send(t, all, event.Target{ARN: fileARN}, numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(3)
	if err := os.Truncate(path, 0); err != nil { // copytruncate
		t.Fatal(err)
	}
	write(4)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	write(5)
	if got := lines(t, path); got[0] != `{"n":5}`+"\n" || len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestALastLineWithoutAnEnd(t *testing.T) {
	for name, test := range map[string]struct{ before, want string }{
		"torn":           {`{"n":0}` + "\n" + `{"n":1,"lo`, `{"n":0}` + "\n"},
		"torn and alone": {`{"n`, ``},
		"whole":          {`{"n":0}`, `{"n":0}` + "\n"},
		"fine":           {`{"n":0}` + "\n", `{"n":0}` + "\n"},
		"empty":          {``, ``},
		"only zeros":     {"{}\n\x00\x00\x00", "{}\n"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "pushes.jsonl")
		if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := send(t, newTargets(t, target.Options{Dir: dir}), event.Target{ARN: fileARN}, numbered(7)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Join(lines(t, path), ""); got != test.want+`{"n":7}`+"\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	all := newTargets(t, target.Options{Dir: dir})
	path := filepath.Join(dir, "pushes.jsonl")
	for name, spoil := range map[string]func() error{
		"a directory": func() error { return os.Mkdir(path, 0o700) },
		"a device":    func() error { return os.Symlink("/dev/full", path) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if got := fateOf(t, send(t, all, event.Target{ARN: fileARN}, numbered(1))); got.permanent {
			t.Errorf("%s is never tried again", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(t, all, event.Target{ARN: fileARN}, numbered(2)); err != nil {
		t.Errorf("when it can be: %v", err)
	}
}

// stuck is a standard output that nobody reads.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.release
	return len(p), nil
}

func TestAStuckStdoutHoldsUpNobodyForEver(t *testing.T) {
	out := stuck{make(chan struct{})}
	defer close(out.release)
	all := newTargets(t, target.Options{Stdout: out})
	route, err := all.Route(t.Context(), account, event.Target{ARN: "arn:ecru:stdout"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := route.Sender.Send(ctx, pushed()); err == nil {
		t.Error("it was written")
	}
}

func TestStdoutThatFails(t *testing.T) {
	reader, writer := io.Pipe()
	reader.Close()
	all := newTargets(t, target.Options{Stdout: writer})
	if got := fateOf(t, send(t, all, event.Target{ARN: "arn:ecru:stdout"}, pushed())); got.permanent {
		t.Errorf("%+v", got)
	}
}

// What was told to be written is there after a kill -9, and nothing else is
// broken by it.
func TestLinesSurviveAKill(t *testing.T) {
	const dirEnv = "ECRU_TEST_FILE_TARGET"
	if dir := os.Getenv(dirEnv); dir != "" {
		writeForEver(t, dir)
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 5 {
		program := exec.Command(os.Args[0], "-test.run", "^TestLinesSurviveAKill$")
		program.Env = append(os.Environ(), dirEnv+"="+dir)
		out, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		written := bufio.NewScanner(out)
		for n := 0; n < 200+37*round && written.Scan(); n++ {
			acknowledged[fmt.Sprintf("{\"n\":%s}\n", written.Text())] = true
		}
		if err := program.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for written.Scan() { // told before the kill
			acknowledged[fmt.Sprintf("{\"n\":%s}\n", written.Text())] = true
		}
		program.Wait()
		tearUp(t, filepath.Join(dir, "pushes.jsonl"), round)
	}
	if err := send(t, newTargets(t, target.Options{Dir: dir}), event.Target{ARN: fileARN}, numbered(1)); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, line := range lines(t, filepath.Join(dir, "pushes.jsonl")) {
		if found[line] = true; line != "" && !json.Valid([]byte(line)) {
			t.Errorf("a broken line: %q", line)
		}
	}
	for line := range acknowledged {
		if !found[line] {
			t.Errorf("lost: %q", line)
		}
	}
	if len(acknowledged) < 1000 {
		t.Errorf("only %d lines were written", len(acknowledged))
	}
}

// tearUp leaves half a line, as a machine that lost its power does.
func tearUp(t *testing.T, path string, round int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, `{"n":123456`[:4+round]); err != nil {
		t.Fatal(err)
	}
}

// writeForEver is what the process does that is killed.
func writeForEver(t *testing.T, dir string) {
	all := newTargets(t, target.Options{Dir: dir})
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := (os.Getpid()*10+w)*1_000_000 + n
				if err := send(t, all, event.Target{ARN: fileARN}, numbered(id)); err != nil {
					panic(err)
				}
				fmt.Println(id)
			}
		}()
	}
	select {}
}

func BenchmarkFile(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			all := newTargets(b, target.Options{Dir: b.TempDir()})
			var work sync.WaitGroup
			queue := make(chan delivery.Message, writers)
			for range writers {
				work.Go(func() {
					for m := range queue {
						if err := send(b, all, event.Target{ARN: fileARN}, m); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				queue <- pushed()
			}
			close(queue)
			work.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
