package inspector

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Constraints are facts of the service's public model: which members are
// required, how long they may be and what they may look like.

// is ties a rule to a member by its Go name.
func is(member string, rule validate.Rule) validate.Field {
	return validate.Field{Name: member, Rule: rule}
}

// nested has no rule of its own; the structures below it have.
func nested() validate.Rule { return validate.Rule{} }

func length(from, to int) validate.Rule { return validate.Rule{MinLen: from, MaxLen: to} }

func matching(from, to int, pattern string) validate.Rule {
	return validate.Rule{MinLen: from, MaxLen: to, Pattern: pattern}
}

func oneOf(values ...string) validate.Rule { return validate.Rule{Enum: values} }

func listOf(from, to int, each validate.Rule) validate.Rule {
	return validate.Rule{MinLen: from, MaxLen: to, Each: &each}
}

func mapOf(most int, keys, values validate.Rule) validate.Rule {
	return validate.Rule{MaxLen: most, Keys: &keys, Each: &values}
}

func number(from, to int64) validate.Rule {
	return validate.Rule{Value: &validate.Range{Min: from, Max: to}}
}

// filters is a list of filters of one thing.
func filters() validate.Rule { return validate.Rule{MinLen: 1, MaxLen: 10} }

func aToken() validate.Rule { return length(0, 1_000_000) }

// anAccount is what accounts are called. A list of them may be empty.
func accounts() validate.Rule { return listOf(0, 100, matching(12, 12, `\d{12}`)) }

func aReport() validate.Rule {
	return matching(0, 0, `.*\b[a-f0-9]{8}\b-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-\b[a-f0-9]{12}\b.*`)
}

func aFilter() validate.Rule { return length(1, 128) }

// allFilters is a structure of criteria: each of its lists is of filters.
func allFilters[T any]() validate.Structure {
	s := validate.For[T]()
	for i := range s.Type.NumField() {
		if f := s.Type.Field(i); f.IsExported() && f.Type.Kind() == reflect.Slice {
			s.Fields = append(s.Fields, is(f.Name, filters()))
		}
	}
	return s
}

// filterConstraints are those of what criteria consist of.
func filterConstraints() []validate.Structure {
	compared := is("Comparison", oneOf("EQUALS", "PREFIX", "NOT_EQUALS").Must())
	either := is("Comparison", oneOf("EQUALS", "NOT_EQUALS").Must())
	equal := is("Comparison", oneOf("EQUALS").Must())
	value := is("Value", length(1, 1024).Must())
	return []validate.Structure{
		validate.For[types.StringFilter](compared, value),
		validate.For[types.MapFilter](equal, is("Key", length(1, 128).Must()), is("Value", length(0, 256))),
		validate.For[types.PortRangeFilter](is("BeginInclusive", number(0, 65535)), is("EndInclusive", number(0, 65535))),
		validate.For[types.PackageFilter](
			is("Name", nested()), is("Version", nested()), is("Epoch", nested()), is("Release", nested()), is("Architecture", nested()),
			is("SourceLayerHash", nested()), is("SourceLambdaLayerArn", nested()), is("FilePath", nested()),
		),
		validate.For[types.CoverageStringFilter](either, value),
		validate.For[types.CoverageMapFilter](equal, is("Key", length(1, 0).Must()), is("Value", length(1, 0))),
		validate.For[types.ResourceStringFilter](either, value),
		validate.For[types.ResourceMapFilter](equal, is("Key", length(1, 0).Must()), is("Value", length(1, 0))),
	}
}

func constraints() []validate.Structure {
	var all []validate.Structure
	for _, part := range [][]validate.Structure{
		filterConstraints(), accountConstraints(), findingConstraints(), filterOperationConstraints(), reportConstraints(),
	} {
		all = append(all, part...)
	}
	return append(all, allFilters[types.FilterCriteria](), allFilters[types.CoverageFilterCriteria](), allFilters[types.ResourceFilterCriteria]())
}

func accountConstraints() []validate.Structure {
	scanned := oneOf("EC2", "ECR", "LAMBDA", "LAMBDA_CODE", "CODE_REPOSITORY")
	return []validate.Structure{
		validate.For[inspector2.EnableInput](is("AccountIds", accounts()), is("ResourceTypes", listOf(1, 5, scanned).Must()), is("ClientToken", length(1, 64))),
		validate.For[inspector2.DisableInput](is("AccountIds", accounts()), is("ResourceTypes", listOf(0, 5, scanned))),
		validate.For[inspector2.BatchGetAccountStatusInput](is("AccountIds", accounts())),
		validate.For[inspector2.UpdateConfigurationInput](is("EcrConfiguration", nested())),
		validate.For[types.EcrConfiguration](
			is("RescanDuration", oneOf("LIFETIME", "DAYS_30", "DAYS_180", "DAYS_14", "DAYS_60", "DAYS_90").Must()),
			is("PullDateRescanDuration", oneOf("DAYS_14", "DAYS_30", "DAYS_60", "DAYS_90", "DAYS_180")),
			is("PullDateRescanMode", oneOf("LAST_PULL_DATE", "LAST_IN_USE_AT")),
		),
		validate.For[inspector2.ListAccountPermissionsInput](is("Service", oneOf("EC2", "ECR", "LAMBDA")), is("MaxResults", number(1, 1024)), is("NextToken", aToken())),
	}
}

func findingConstraints() []validate.Structure {
	criteria, token := is("FilterCriteria", nested()), is("NextToken", aToken())
	return []validate.Structure{
		validate.For[inspector2.ListFindingsInput](is("MaxResults", number(1, maxFindings)), token, criteria, is("SortCriteria", nested())),
		validate.For[types.SortCriteria](
			is("Field", oneOf("AWS_ACCOUNT_ID", "FINDING_TYPE", "SEVERITY", "FIRST_OBSERVED_AT", "LAST_OBSERVED_AT", "FINDING_STATUS", "RESOURCE_TYPE",
				"ECR_IMAGE_PUSHED_AT", "ECR_IMAGE_REPOSITORY_NAME", "ECR_IMAGE_REGISTRY", "NETWORK_PROTOCOL", "COMPONENT_TYPE", "VULNERABILITY_ID",
				"VULNERABILITY_SOURCE", "INSPECTOR_SCORE", "VENDOR_SEVERITY", "EPSS_SCORE").Must()),
			is("SortOrder", oneOf("ASC", "DESC").Must()),
		),
		validate.For[inspector2.ListFindingAggregationsInput](
			is("AggregationType", oneOf("FINDING_TYPE", "PACKAGE", "TITLE", "REPOSITORY", "AMI", "AWS_EC2_INSTANCE", "AWS_ECR_CONTAINER",
				"IMAGE_LAYER", "ACCOUNT", "AWS_LAMBDA_FUNCTION", "LAMBDA_LAYER", "CODE_REPOSITORY").Must()),
			token, is("MaxResults", number(1, maxFindings)), is("AccountIds", filters()),
		),
		validate.For[inspector2.BatchGetFindingDetailsInput](
			is("FindingArns", listOf(1, 10, matching(1, 100, `arn:(aws[a-zA-Z-]*)?:inspector2:[a-z]{2}(-gov)?-[a-z]+-\d{1}:\d{12}:finding/[a-f0-9]{32}`)).Must()),
		),
		validate.For[inspector2.GetClustersForImageInput](is("Filter", nested().Must()), is("MaxResults", number(1, 100)), is("NextToken", length(1, 3000))),
		validate.For[types.ClusterForImageFilterCriteria](is("ResourceId", matching(0, 0,
			`arn:.*:ecr:.*:\d{12}:repository\/(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*(\/sha256:[a-z0-9]{64})?`).Must())),
		validate.For[inspector2.ListCoverageInput](is("MaxResults", number(1, maxCoverage)), token, criteria),
		validate.For[inspector2.ListCoverageStatisticsInput](
			criteria, token, is("GroupBy", oneOf("SCAN_STATUS_CODE", "SCAN_STATUS_REASON", "ACCOUNT_ID", "RESOURCE_TYPE", "ECR_REPOSITORY_NAME")),
		),
		validate.For[inspector2.SearchVulnerabilitiesInput](is("FilterCriteria", nested().Must()), token),
		validate.For[types.SearchVulnerabilitiesFilterCriteria](
			is("VulnerabilityIds", listOf(1, 1, matching(0, 0, `CVE-[12][0-9]{3}-[0-9]{1,10}`)).Must()),
		),
	}
}

func filterOperationConstraints() []validate.Structure {
	name, action, criteria := length(1, 128), oneOf("NONE", "SUPPRESS"), nested()
	text := length(1, 512)
	tags := mapOf(0, length(1, registry.MaxResourceTagKey), length(0, registry.MaxResourceTagValue))
	arn := is("ResourceArn", length(1, 1011).Must())
	return []validate.Structure{
		validate.For[inspector2.CreateFilterInput](
			is("Action", action.Must()), is("FilterCriteria", criteria.Must()), is("Name", name.Must()),
			is("Description", text), is("Reason", text), is("Tags", tags),
		),
		validate.For[inspector2.UpdateFilterInput](
			is("FilterArn", aFilter().Must()), is("Action", action), is("FilterCriteria", criteria), is("Name", name), is("Description", text), is("Reason", text),
		),
		validate.For[inspector2.DeleteFilterInput](is("Arn", aFilter().Must())),
		validate.For[inspector2.ListFiltersInput](
			is("Arns", listOf(0, 500, aFilter())), is("Action", action), is("MaxResults", number(1, maxFilters)), is("NextToken", aToken()),
		),
		validate.For[inspector2.TagResourceInput](arn, is("Tags", tags.Must())),
		validate.For[inspector2.UntagResourceInput](arn, is("TagKeys", listOf(0, 50, length(1, registry.MaxResourceTagKey)).Must())),
		validate.For[inspector2.ListTagsForResourceInput](arn),
	}
}

func reportConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[inspector2.CreateFindingsReportInput](
			is("ReportFormat", oneOf("CSV", "JSON").Must()), is("S3Destination", nested().Must()), is("FilterCriteria", nested()),
		),
		validate.For[inspector2.CreateSbomExportInput](
			is("ReportFormat", oneOf("CYCLONEDX_1_4", "SPDX_2_3").Must()), is("S3Destination", nested().Must()), is("ResourceFilterCriteria", nested()),
		),
		validate.For[types.Destination](
			is("BucketName", matching(3, 63, `[a-z0-9][a-z0-9.-]*[a-z0-9]`).Must()), is("KeyPrefix", length(0, 1024)),
			is("KmsKeyArn", matching(1, 2048, `arn:(aws[a-zA-Z-]*)?:kms:[a-z0-9-]+:\d{12}:key/.+`).Must()),
		),
		validate.For[inspector2.GetFindingsReportStatusInput](is("ReportId", aReport())),
		validate.For[inspector2.CancelFindingsReportInput](is("ReportId", aReport().Must())),
		validate.For[inspector2.GetSbomExportInput](is("ReportId", aReport().Must())),
		validate.For[inspector2.CancelSbomExportInput](is("ReportId", aReport().Must())),
	}
}
