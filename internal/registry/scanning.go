package registry

import (
	"slices"
	"strings"
)

// ScanType is the kind of scanning that a registry has switched on.
type ScanType string

// The scan types.
const (
	ScanBasic    ScanType = "BASIC"
	ScanEnhanced ScanType = "ENHANCED"
)

// ScanFrequency says when images of a repository are scanned.
type ScanFrequency string

// The scan frequencies.
const (
	ScanManual     ScanFrequency = "MANUAL"
	ScanOnPush     ScanFrequency = "SCAN_ON_PUSH"
	ScanContinuous ScanFrequency = "CONTINUOUS_SCAN"
)

// ScanRule applies a frequency to the repositories that its filters match.
type ScanRule struct {
	Frequency ScanFrequency
	Filters   []string
}

// ScanningConfiguration is how a registry scans.
type ScanningConfiguration struct {
	Type  ScanType
	Rules []ScanRule
}

// ScanFilterMatch says whether a scanning filter selects a repository: without
// a '*' it is looked for anywhere in the name, with one it is anchored at both
// ends.
func ScanFilterMatch(filter, repository string) bool {
	if !strings.Contains(filter, "*") {
		return strings.Contains(repository, filter)
	}
	return WildcardMatch(filter, repository)
}

// Validate checks the frequencies of the rules. Errors: InvalidParameter.
func (c ScanningConfiguration) Validate() error {
	var seen, duplicate []string
	for _, rule := range c.Rules {
		if c.Type == ScanBasic && rule.Frequency == ScanContinuous || c.Type == ScanEnhanced && rule.Frequency == ScanManual {
			return InvalidScanFrequency(c.Type, rule.Frequency)
		}
		if f := string(rule.Frequency); slices.Contains(seen, f) {
			duplicate = append(duplicate, f)
		} else {
			seen = append(seen, f)
		}
	}
	if len(duplicate) > 0 {
		return Errorf(CodeInvalidParameter, "Invalid input. Contains duplicate scan frequencies: [%s]", strings.Join(duplicate, ", "))
	}
	return nil
}

// FrequencyFor computes how repo is scanned and which filters said so. Under
// BASIC a repository's own scanOnPush is honoured when no rule covers it; under
// ENHANCED what no rule covers is not scanned, which is told as MANUAL, and
// without rules everything is scanned continuously.
func (c ScanningConfiguration) FrequencyFor(repo *Repository) (ScanFrequency, []string) {
	if c.Type == ScanEnhanced && len(c.Rules) == 0 {
		return ScanContinuous, nil
	}
	frequency := ScanManual
	var applied []string
	for _, rule := range c.Rules {
		var matched []string
		for _, f := range rule.Filters {
			if ScanFilterMatch(f, repo.Name) {
				matched = append(matched, f)
			}
		}
		if len(matched) == 0 || rule.Frequency == ScanManual {
			continue
		}
		if frequency == ScanManual || rule.Frequency == ScanContinuous {
			frequency, applied = rule.Frequency, matched
		}
	}
	if frequency == ScanManual && c.Type == ScanBasic && repo.ScanOnPush {
		return ScanOnPush, nil
	}
	return frequency, slices.Clone(applied)
}

// Account settings and their values.
const (
	SettingBasicScanVersion = "BASIC_SCAN_TYPE_VERSION"
	SettingPolicyScope      = "REGISTRY_POLICY_SCOPE"
	SettingBlobMounting     = "BLOB_MOUNTING"

	EngineNative = "AWS_NATIVE"
	EngineClair  = "CLAIR"

	MountingEnabled  = "ENABLED"
	MountingDisabled = "DISABLED"
)

// Severity of a finding, as ECR's basic scanning names it.
type Severity string

// The severities, most severe first.
const (
	Critical      Severity = "CRITICAL"
	High          Severity = "HIGH"
	Medium        Severity = "MEDIUM"
	Low           Severity = "LOW"
	Informational Severity = "INFORMATIONAL"
	Undefined     Severity = "UNDEFINED"
)

// Rank orders severities: 0 is the most severe.
func (s Severity) Rank() int {
	if i := slices.Index([]Severity{Critical, High, Medium, Low, Informational}, s); i >= 0 {
		return i
	}
	return 5
}
