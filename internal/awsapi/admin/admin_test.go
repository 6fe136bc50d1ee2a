package admin

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// feed is advisories that can be made to fail.
type feed struct{ err error }

func (f feed) Sources(context.Context) ([]advisory.Source, error) {
	return []advisory.Source{{Ecosystem: "Alpine", Records: 3, FetchedAt: time.Unix(1, 0), LastError: "late"}}, f.err
}

func (f feed) Update(context.Context, []string) ([]advisory.Outcome, error) {
	return []advisory.Outcome{{Ecosystem: "Alpine", Changed: true, Records: 3}, {Ecosystem: "Debian", Err: errors.New("gone")}}, f.err
}

func (f feed) Import(context.Context, string, []string) ([]advisory.Outcome, error) {
	return nil, f.err
}

func as(account string) context.Context {
	return awsapi.WithCall(context.Background(), awsapi.Call{Principal: iam.RootPrincipal(account, "AKIAEXAMPLE")})
}

func TestOnlyTheOwnerMayTouchAdvisories(t *testing.T) {
	h := handlers{account: "000000000000", advisories: feed{}}
	directory := "/data"
	for name, call := range map[string]func(context.Context) error{
		"status": func(ctx context.Context) error { _, err := h.status(ctx, nil); return err },
		"update": func(ctx context.Context) error { _, err := h.update(ctx, &UpdateAdvisoriesInput{}); return err },
		"import": func(ctx context.Context) error {
			_, err := h.load(ctx, &ImportAdvisoriesInput{Directory: &directory})
			return err
		},
	} {
		if err := call(as("000000000000")); err != nil {
			t.Errorf("%s by the owner: %v", name, err)
		}
		for who, ctx := range map[string]context.Context{"another account": as("111111111111"), "nobody": context.Background()} {
			if err := call(ctx); registry.CodeOf(err) != registry.CodeAccessDenied {
				t.Errorf("%s by %s: %v, want AccessDenied", name, who, err)
			}
		}
	}
}

func TestAnswersTellWhatWasDone(t *testing.T) {
	h := handlers{account: "000000000000", advisories: feed{}}
	status, err := h.status(as("000000000000"), nil)
	if err != nil || *status.Sources[0].Ecosystem != "Alpine" || *status.Sources[0].LastError != "late" || status.Sources[0].NewestModified != nil {
		t.Errorf("status = %+v, %v", status, err)
	}
	update, err := h.update(as("000000000000"), &UpdateAdvisoriesInput{})
	if err != nil || update.Outcomes[0].Problem != nil || *update.Outcomes[1].Problem != "gone" {
		t.Errorf("update = %+v, %v", update, err)
	}
}

func TestRefusalsAreWorded(t *testing.T) {
	if _, err := (handlers{account: "000000000000"}).load(as("000000000000"), &ImportAdvisoriesInput{}); fault(err).Code != "InvalidParameterException" {
		t.Errorf("import without a directory: %v", err)
	}
	if f := fault(advisory.ErrOff); f.Status != 400 {
		t.Errorf("without a feed: %+v", f)
	}
	if f := fault(errors.New("secret path")); f.Status != 500 || f.Message == "secret path" {
		t.Errorf("a failure of ours: %+v", f)
	}
}
