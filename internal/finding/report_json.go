package finding

// Reported is a finding as reports in JSON have it.
type Reported struct {
	Account         string           `json:"awsAccountId"`
	Description     string           `json:"description"`
	EPSS            *reportedEPSS    `json:"epss,omitempty"`
	Exploit         string           `json:"exploitAvailable"`
	Exploitability  *reportedExploit `json:"exploitabilityDetails,omitempty"`
	ARN             string           `json:"findingArn"`
	FirstObservedAt string           `json:"firstObservedAt"`
	Fix             string           `json:"fixAvailable"`
	Score           *float64         `json:"inspectorScore,omitempty"`
	ScoreDetails    *reportedDetails `json:"inspectorScoreDetails,omitempty"`
	LastObservedAt  string           `json:"lastObservedAt"`
	Vulnerability   reportedProblem  `json:"packageVulnerabilityDetails"`
	Remediation     reportedRemedy   `json:"remediation"`
	Resources       []reportedTarget `json:"resources"`
	Severity        string           `json:"severity"`
	Status          string           `json:"status"`
	Title           string           `json:"title"`
	Type            string           `json:"type"`
	UpdatedAt       string           `json:"updatedAt"`
}

type reportedEPSS struct {
	Score float64 `json:"score"`
}

type reportedExploit struct {
	At string `json:"lastKnownExploitAt"`
}

type reportedDetails struct {
	Adjusted reportedAdjusted `json:"adjustedCvss"`
}

type reportedAdjusted struct {
	Adjustments []string `json:"adjustments"`
	CVSSSource  string   `json:"cvssSource"`
	Score       float64  `json:"score"`
	Source      string   `json:"scoreSource"`
	Vector      string   `json:"scoringVector"`
	Version     string   `json:"version"`
}

type reportedProblem struct {
	CVSS            []reportedCVSS    `json:"cvss"`
	References      []string          `json:"referenceUrls"`
	Related         []string          `json:"relatedVulnerabilities"`
	Source          string            `json:"source"`
	SourceURL       string            `json:"sourceUrl"`
	CreatedAt       string            `json:"vendorCreatedAt,omitempty"`
	Severity        string            `json:"vendorSeverity,omitempty"`
	UpdatedAt       string            `json:"vendorUpdatedAt,omitempty"`
	VulnerabilityID string            `json:"vulnerabilityId"`
	Packages        []reportedPackage `json:"vulnerablePackages"`
}

type reportedCVSS struct {
	Score   float64 `json:"baseScore"`
	Vector  string  `json:"scoringVector"`
	Source  string  `json:"source"`
	Version string  `json:"version"`
}

type reportedPackage struct {
	Arch    string `json:"arch,omitempty"`
	Epoch   int    `json:"epoch"`
	Path    string `json:"filePath,omitempty"`
	FixedIn string `json:"fixedInVersion,omitempty"`
	Name    string `json:"name"`
	Manager string `json:"packageManager"`
	Release string `json:"release,omitempty"`
	Layer   string `json:"sourceLayerHash,omitempty"`
	Version string `json:"version"`
}

type reportedRemedy struct {
	Recommendation struct {
		Text string `json:"text"`
		URL  string `json:"Url,omitempty"`
	} `json:"recommendation"`
}

type reportedTarget struct {
	Details struct {
		Image reportedImage `json:"awsEcrContainerImage"`
	} `json:"details"`
	ID        string `json:"id"`
	Partition string `json:"partition"`
	Region    string `json:"region"`
	Type      string `json:"type"`
}

type reportedImage struct {
	Architecture string   `json:"architecture,omitempty"`
	Author       string   `json:"author,omitempty"`
	Digest       string   `json:"imageHash"`
	Tags         []string `json:"imageTags"`
	Platform     string   `json:"platform,omitempty"`
	PushedAt     string   `json:"pushedAt,omitempty"`
	Registry     string   `json:"registry"`
	Repository   string   `json:"repositoryName"`
}

// NewReported tells a finding as reports do.
func NewReported(f *Finding, region string) Reported {
	r := Reported{
		Account: f.Account, Description: f.Description, Exploit: f.Exploitable(), ARN: f.ARN(region),
		FirstObservedAt: reportTime(f.FirstObservedAt), LastObservedAt: reportTime(f.LastObservedAt), UpdatedAt: reportTime(f.UpdatedAt),
		Fix: string(f.Fix), Severity: string(f.Severity), Status: string(f.Status), Title: f.Title, Type: TypePackageVulnerability,
		Vulnerability: reportedProblemOf(f),
	}
	r.Remediation.Recommendation.Text = f.Remediation
	if f.EPSS >= 0 {
		r.EPSS = &reportedEPSS{f.EPSS}
	}
	if !f.Risk.ExploitedAt.IsZero() {
		r.Exploitability = &reportedExploit{reportTime(f.Risk.ExploitedAt)}
	}
	if f.Score >= 0 {
		r.Score = &f.Score
		if c := f.counting(); c.Vector != "" {
			r.ScoreDetails = &reportedDetails{reportedAdjusted{[]string{}, c.Source, f.Score, c.Source, c.Vector, c.Version}}
		}
	}
	target := reportedTarget{ID: f.ResourceID(region), Partition: "aws", Region: region, Type: ImageResource}
	target.Details.Image = reportedImage{
		Architecture: f.Image.Architecture, Author: f.Image.Author, Digest: f.Digest, Tags: listed(f.Image.Tags), Platform: f.Image.Platform,
		PushedAt: reportTime(f.Image.PushedAt), Registry: f.Account, Repository: f.Repository,
	}
	r.Resources = []reportedTarget{target}
	return r
}

func reportedProblemOf(f *Finding) reportedProblem {
	out := reportedProblem{
		CVSS: []reportedCVSS{}, References: listed(f.References), Related: listed(f.Aliases), Source: f.Source, SourceURL: f.SourceURL,
		CreatedAt: reportTime(f.CreatedAt), Severity: f.Vendor, UpdatedAt: reportTime(f.ChangedAt), VulnerabilityID: f.VulnerabilityID,
		Packages: []reportedPackage{},
	}
	for _, c := range f.CVSS {
		out.CVSS = append(out.CVSS, reportedCVSS{c.Score, c.Vector, c.Source, c.Version})
	}
	for _, p := range f.Packages {
		out.Packages = append(out.Packages, reportedPackage{
			Arch: p.Arch, Epoch: p.Epoch, Path: p.Path, FixedIn: p.FixedIn, Name: p.Name,
			Manager: p.Manager, Release: p.Release, Layer: p.Layer, Version: p.Version,
		})
	}
	return out
}

// listed is a list that is there even when it is empty.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
