package main

import "net/http"

// inspectorRows are the operations of Inspector's API, all of the caller's own
// account, and those of ecru's own API around reports.
func inspectorRows() []walked {
	const (
		filter      = "arn:aws:inspector2:us-east-1:000000000000:owner/000000000000/filter/0123456789abcdef"
		tags        = "/tags/arn%3Aaws%3Ainspector2%3Aus-east-1%3A000000000000%3Aowner%2F000000000000%2Ffilter%2F0123456789abcdef"
		report      = `"reportId":"01234567-89ab-cdef-0123-456789abcdef"`
		destination = `"s3Destination":{"bucketName":"reports","kmsKeyArn":"arn:aws:kms:us-east-1:000000000000:key/x"}`
		image       = `"arn:aws:ecr:us-east-1:000000000000:repository/walk"`
	)
	rows := []walked{
		{name: "inspector2:BatchGetAccountStatus", path: "/status/batch/get"},
		{name: "inspector2:BatchGetFindingDetails", path: "/findings/details/batch/get", body: `{"findingArns":["arn:aws:inspector2:us-east-1:000000000000:finding/0123456789abcdef0123456789abcdef"]}`},
		{name: "inspector2:CancelFindingsReport", path: "/reporting/cancel", body: `{` + report + `}`},
		{name: "inspector2:CancelSbomExport", path: "/sbomexport/cancel", body: `{` + report + `}`},
		{name: "inspector2:CreateFilter", path: "/filters/create", body: `{"name":"walk","action":"NONE","filterCriteria":{}}`},
		{name: "inspector2:CreateFindingsReport", path: "/reporting/create", body: `{"reportFormat":"CSV",` + destination + `}`},
		{name: "inspector2:CreateSbomExport", path: "/sbomexport/create", body: `{"reportFormat":"SPDX_2_3",` + destination + `}`},
		{name: "inspector2:DeleteFilter", path: "/filters/delete", body: `{"arn":"` + filter + `"}`},
		{name: "inspector2:Disable", path: "/disable"},
		{name: "inspector2:Enable", path: "/enable", body: `{"resourceTypes":["ECR"]}`},
		{name: "inspector2:GetClustersForImage", path: "/cluster/get", body: `{"filter":{"resourceId":` + image + `}}`},
		{name: "inspector2:GetConfiguration", path: "/configuration/get"},
		{name: "inspector2:GetFindingsReportStatus", path: "/reporting/status/get", body: `{` + report + `}`},
		{name: "inspector2:GetSbomExport", path: "/sbomexport/get", body: `{` + report + `}`},
		{name: "inspector2:ListAccountPermissions", path: "/accountpermissions/list"},
		{name: "inspector2:ListCoverage", path: "/coverage/list"},
		{name: "inspector2:ListCoverageStatistics", path: "/coverage/statistics/list"},
		{name: "inspector2:ListFilters", path: "/filters/list"},
		{name: "inspector2:ListFindingAggregations", path: "/findings/aggregation/list", body: `{"aggregationType":"ACCOUNT"}`},
		{name: "inspector2:ListFindings", path: "/findings/list"},
		{name: "inspector2:ListTagsForResource", method: http.MethodGet, path: tags},
		{name: "inspector2:SearchVulnerabilities", path: "/vulnerabilities/search", body: `{"filterCriteria":{"vulnerabilityIds":["CVE-2024-0001"]}}`},
		{name: "inspector2:TagResource", path: tags, body: `{"tags":{"a":"b"}}`},
		{name: "inspector2:UntagResource", method: http.MethodDelete, path: tags + "?tagKeys=a"},
		{name: "inspector2:UpdateConfiguration", path: "/configuration/update", body: `{"ecrConfiguration":{"rescanDuration":"DAYS_14"}}`},
		{name: "inspector2:UpdateFilter", path: "/filters/update", body: `{"filterArn":"` + filter + `","name":"walk"}`},
	}
	for i := range rows {
		rows[i].self = true // who names what is another account's by its ARN finds nothing
	}
	return append(rows,
		walked{name: "ecru:AttachSbom", body: `{"accountId":"000000000000","repositoryName":"walk","imageTag":"1"}`},
		walked{name: "ecru:ExplainFinding", body: `{"accountId":"000000000000","repositoryName":"walk","imageTag":"1","vulnerability":"CVE-2024-0001"}`},
		walked{name: "ecru:GetReport", body: `{"accountId":"000000000000",` + report + `}`},
		walked{name: "ecru:ListReports", body: `{"accountId":"000000000000"}`},
	)
}
