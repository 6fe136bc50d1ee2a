package admin

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Advisories is what the API needs of the advisories.
type Advisories interface {
	Sources(ctx context.Context) ([]advisory.Source, error)
	Update(ctx context.Context, ecosystems []string) ([]advisory.Outcome, error)
	Import(ctx context.Context, directory string, ecosystems []string) ([]advisory.Outcome, error)
	// Export writes a signed bundle to a file.
	Export(ctx context.Context, file string, ecosystems []string) (*advisory.Manifest, error)
	// ImportBundle loads a bundle that one of the trusted keys, or the
	// instance's own, has signed; an older one only when it is forced.
	ImportBundle(ctx context.Context, file string, trusted []ed25519.PublicKey, force bool, ecosystems []string) ([]advisory.Outcome, error)
	// Key is the public key with which others verify the bundles.
	Key() (ed25519.PublicKey, error)
}

// AdvisoriesStatusInput asks how fresh the advisories are.
type AdvisoriesStatusInput struct{}

// AdvisoriesStatusOutput tells it of every ecosystem.
type AdvisoriesStatusOutput struct{ Sources []Source }

// Source is the state of one ecosystem's advisories.
type Source struct {
	Ecosystem      *string
	Location       *string
	Records        *int64
	FetchedAt      *time.Time
	CheckedAt      *time.Time
	NewestModified *time.Time
	LastError      *string
}

// UpdateAdvisoriesInput asks to look at the feed now; without names for all
// ecosystems that stored images need and that were loaded before.
type UpdateAdvisoriesInput struct{ Ecosystems []string }

// UpdateAdvisoriesOutput tells what was done.
type UpdateAdvisoriesOutput struct{ Outcomes []Outcome }

// ImportAdvisoriesInput asks to load an OSV export from a directory of the
// server's machine; without names all of it.
type ImportAdvisoriesInput struct {
	Directory  *string
	Ecosystems []string
}

// ImportAdvisoriesOutput tells what was done.
type ImportAdvisoriesOutput struct{ Outcomes []Outcome }

// ImportAdvisoriesBundleInput asks to load a bundle from a file of the server's
// machine; without names all of it.
type ImportAdvisoriesBundleInput struct {
	File       *string
	Trust      []string // public keys
	Force      *bool
	Ecosystems []string
}

// ExportAdvisoriesInput asks to write a bundle to a file of the server's
// machine; without names of all that is loaded.
type ExportAdvisoriesInput struct {
	File       *string
	Ecosystems []string
}

// ExportAdvisoriesOutput tells what is in it.
type ExportAdvisoriesOutput struct {
	Key     *string
	Members []Member
}

// Member is a part of a bundle.
type Member struct {
	Ecosystem *string
	Records   *int64
	CheckedAt *time.Time
}

// GetAdvisoriesKeyInput asks with which key bundles are signed.
type GetAdvisoriesKeyInput struct{}

// GetAdvisoriesKeyOutput is the public key.
type GetAdvisoriesKeyOutput struct{ Key *string }

// Outcome is what was done to one ecosystem.
type Outcome struct {
	Ecosystem *string
	Changed   *bool
	Records   *int64
	Withdrawn *int64
	Rejected  *int64
	Problem   *string
}

func (h handlers) advisoryOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.status), awsapi.Op(h.update), awsapi.Op(h.load),
		awsapi.Op(h.loadBundle), awsapi.Op(h.export), awsapi.Op(h.advisoriesKey)}
}

// allow authorises an operation on the whole instance.
func (h handlers) allow(ctx context.Context, operation string) error {
	_, err := h.service.AllowManaging(ctx, caller(ctx), h.account, operation)
	return err
}

func (h handlers) status(ctx context.Context, _ *AdvisoriesStatusInput) (*AdvisoriesStatusOutput, error) {
	if err := h.allow(ctx, "AdvisoriesStatus"); err != nil {
		return nil, err
	}
	sources, err := h.advisories.Sources(ctx)
	if err != nil {
		return nil, err
	}
	return &AdvisoriesStatusOutput{Sources: Sources(sources)}, nil
}

func (h handlers) update(ctx context.Context, in *UpdateAdvisoriesInput) (*UpdateAdvisoriesOutput, error) {
	if err := h.allow(ctx, "UpdateAdvisories"); err != nil {
		return nil, err
	}
	outcomes, err := h.advisories.Update(ctx, in.Ecosystems)
	if err != nil {
		return nil, err
	}
	return &UpdateAdvisoriesOutput{Outcomes: Outcomes(outcomes)}, nil
}

func (h handlers) load(ctx context.Context, in *ImportAdvisoriesInput) (*ImportAdvisoriesOutput, error) {
	if err := h.allow(ctx, "ImportAdvisories"); err != nil {
		return nil, err
	}
	outcomes, err := h.advisories.Import(ctx, *in.Directory, in.Ecosystems)
	if err != nil {
		return nil, registry.InvalidParameter("directory", err.Error())
	}
	return &ImportAdvisoriesOutput{Outcomes: Outcomes(outcomes)}, nil
}

func (h handlers) loadBundle(ctx context.Context, in *ImportAdvisoriesBundleInput) (*ImportAdvisoriesOutput, error) {
	if err := h.allow(ctx, "ImportAdvisoriesBundle"); err != nil {
		return nil, err
	}
	var trusted []ed25519.PublicKey
	for _, text := range in.Trust {
		key, err := advisory.ParsePublicKey(text)
		if err != nil {
			return nil, registry.InvalidParameter("trust", err.Error())
		}
		trusted = append(trusted, key)
	}
	outcomes, err := h.advisories.ImportBundle(ctx, *in.File, trusted, in.Force != nil && *in.Force, in.Ecosystems)
	if err != nil {
		return nil, registry.InvalidParameter("file", err.Error())
	}
	return &ImportAdvisoriesOutput{Outcomes: Outcomes(outcomes)}, nil
}

func (h handlers) export(ctx context.Context, in *ExportAdvisoriesInput) (*ExportAdvisoriesOutput, error) {
	if err := h.allow(ctx, "ExportAdvisories"); err != nil {
		return nil, err
	}
	m, err := h.advisories.Export(ctx, *in.File, in.Ecosystems)
	if err != nil {
		return nil, registry.InvalidParameter("file", err.Error())
	}
	out := &ExportAdvisoriesOutput{Key: &m.Key}
	for _, member := range m.Members {
		out.Members = append(out.Members, Member{Ecosystem: &member.Ecosystem, Records: &member.Records, CheckedAt: sometime(member.Checked)})
	}
	return out, nil
}

func (h handlers) advisoriesKey(ctx context.Context, _ *GetAdvisoriesKeyInput) (*GetAdvisoriesKeyOutput, error) {
	if err := h.allow(ctx, "GetAdvisoriesKey"); err != nil {
		return nil, err
	}
	key, err := h.advisories.Key()
	if err != nil {
		return nil, err
	}
	text := advisory.PublicKey(key)
	return &GetAdvisoriesKeyOutput{Key: &text}, nil
}

// Sources tells the state of sources in the API's words.
func Sources(sources []advisory.Source) []Source {
	out := make([]Source, len(sources))
	for i, s := range sources {
		checked := s.Checked()
		out[i] = Source{
			Ecosystem: &s.Ecosystem, Location: &s.Location, Records: &s.Records,
			FetchedAt: sometime(s.FetchedAt), CheckedAt: sometime(checked), NewestModified: sometime(s.NewestModified),
		}
		if s.LastError != "" {
			out[i].LastError = &s.LastError
		}
	}
	return out
}

// Outcomes tells what was done in the API's words.
func Outcomes(outcomes []advisory.Outcome) []Outcome {
	out := make([]Outcome, len(outcomes))
	for i, o := range outcomes {
		out[i] = Outcome{Ecosystem: &o.Ecosystem, Changed: &o.Changed, Records: &o.Records, Withdrawn: &o.Withdrawn, Rejected: &o.Rejected}
		if o.Err != nil {
			problem := o.Err.Error()
			out[i].Problem = &problem
		}
	}
	return out
}
