package enhanced

import (
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

func coverageEvent(o event.Origin, c finding.Coverage) event.Event {
	return event.InspectorCovered(o, event.Coverage{
		Repository: c.Image.Repository, Digest: c.Image.Digest, Status: string(c.Code), Reason: c.Reason,
	})
}

// wordFinding words a finding as the events of Inspector do.
func wordFinding(scope registry.Scope, f finding.Finding) event.Finding {
	out := event.Finding{
		ARN: finding.ARN(scope, f.UID), Title: f.Title, Description: f.Description,
		Severity: string(f.Severity), Status: string(f.Status),
		FirstObservedAt: event.Moment(f.FirstObservedAt), LastObservedAt: event.Moment(f.LastObservedAt), UpdatedAt: event.Moment(f.UpdatedAt),
		ExploitAvailable: yesOrNo(f.Exploit), LastExploitAt: event.Moment(f.Risk.ExploitedAt), FixAvailable: string(f.Fix),
		Vulnerability: wordVulnerability(f),
		Remediation:   event.Recommendation{Text: f.Remediation, URL: f.SourceURL},
		Image: event.FoundIn{
			Repository: f.Image.Repository, Digest: f.Image.Digest, Tags: f.Image.Tags, Architecture: f.Image.Architecture,
			Author: f.Image.Author, Platform: f.Image.Platform, PushedAt: event.Moment(f.Image.PushedAt),
		},
	}
	if f.Risk.HasEPSS {
		out.EPSS = &event.EPSS{Score: f.Risk.EPSS}
	}
	if f.Score >= 0 {
		out.Score = &event.Score{Score: f.Score}
		if len(f.CVSS) > 0 {
			worst := f.CVSS[0]
			out.Score.CVSSSource, out.Score.Source, out.Score.Vector, out.Score.Version = worst.Source, worst.Source, worst.Vector, worst.Version
		}
	}
	return out
}

func wordVulnerability(f finding.Finding) event.Vulnerability {
	v := event.Vulnerability{
		ReferenceURLs: f.References, Related: f.Aliases, Source: f.Source, SourceURL: f.SourceURL,
		VendorCreatedAt: event.Moment(f.CreatedAt), VendorSeverity: f.Vendor, VendorUpdatedAt: event.Moment(f.ChangedAt), ID: f.VulnerabilityID,
	}
	for _, c := range f.CVSS {
		v.CVSS = append(v.CVSS, event.CVSS{BaseScore: c.Score, Vector: c.Vector, Source: c.Source, Version: c.Version})
	}
	for _, p := range f.Packages {
		v.Packages = append(v.Packages, event.VulnerablePackage{
			Arch: p.Arch, Epoch: p.Epoch, FilePath: p.Path, FixedInVersion: p.FixedIn, Name: p.Name,
			PackageManager: p.Manager, Release: p.Release, SourceLayerHash: p.Layer, Version: p.Version,
		})
	}
	return v
}

func yesOrNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}
