package inspector

import (
	"net/http"

	"github.com/ecru-registry/ecru/internal/awsapi"
)

// routes are those of all of the API, served or not.
func routes() map[string]awsapi.Route {
	post := func(path string) awsapi.Route { return awsapi.Route{Method: http.MethodPost, Path: path} }
	put := func(path string) awsapi.Route { return awsapi.Route{Method: http.MethodPut, Path: path} }
	tags := func(method string, query ...string) awsapi.Route {
		return awsapi.Route{Method: method, Path: "/tags/", Label: "ResourceArn", Query: query}
	}
	return map[string]awsapi.Route{
		"AssociateMember": post("/members/associate"),
		"BatchAssociateCodeSecurityScanConfiguration":    post("/codesecurity/scan-configuration/batch/associate"),
		"BatchDisassociateCodeSecurityScanConfiguration": post("/codesecurity/scan-configuration/batch/disassociate"),
		"BatchGetAccountStatus":                          post("/status/batch/get"),
		"BatchGetCodeSnippet":                            post("/codesnippet/batchget"),
		"BatchGetFindingDetails":                         post("/findings/details/batch/get"),
		"BatchGetFreeTrialInfo":                          post("/freetrialinfo/batchget"),
		"BatchGetMemberEc2DeepInspectionStatus":          post("/ec2deepinspectionstatus/member/batch/get"),
		"BatchUpdateMemberEc2DeepInspectionStatus":       post("/ec2deepinspectionstatus/member/batch/update"),
		"CancelFindingsReport":                           post("/reporting/cancel"),
		"CancelSbomExport":                               post("/sbomexport/cancel"),
		"CreateCisScanConfiguration":                     post("/cis/scan-configuration/create"),
		"CreateCodeSecurityIntegration":                  post("/codesecurity/integration/create"),
		"CreateCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/create"),
		"CreateFilter":                                   post("/filters/create"),
		"CreateFindingsReport":                           post("/reporting/create"),
		"CreateSbomExport":                               post("/sbomexport/create"),
		"DeleteCisScanConfiguration":                     post("/cis/scan-configuration/delete"),
		"DeleteCodeSecurityIntegration":                  post("/codesecurity/integration/delete"),
		"DeleteCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/delete"),
		"DeleteFilter":                                   post("/filters/delete"),
		"DescribeOrganizationConfiguration":              post("/organizationconfiguration/describe"),
		"Disable":                                        post("/disable"),
		"DisableDelegatedAdminAccount":                   post("/delegatedadminaccounts/disable"),
		"DisassociateMember":                             post("/members/disassociate"),
		"Enable":                                         post("/enable"),
		"EnableDelegatedAdminAccount":                    post("/delegatedadminaccounts/enable"),
		"GetCisScanReport":                               post("/cis/scan/report/get"),
		"GetCisScanResultDetails":                        post("/cis/scan-result/details/get"),
		"GetClustersForImage":                            post("/cluster/get"),
		"GetCodeSecurityIntegration":                     post("/codesecurity/integration/get"),
		"GetCodeSecurityScan":                            post("/codesecurity/scan/get"),
		"GetCodeSecurityScanConfiguration":               post("/codesecurity/scan-configuration/get"),
		"GetConfiguration":                               post("/configuration/get"),
		"GetDelegatedAdminAccount":                       post("/delegatedadminaccounts/get"),
		"GetEc2DeepInspectionConfiguration":              post("/ec2deepinspectionconfiguration/get"),
		"GetEncryptionKey":                               {Method: http.MethodGet, Path: "/encryptionkey/get"},
		"GetFindingsReportStatus":                        post("/reporting/status/get"),
		"GetMember":                                      post("/members/get"),
		"GetSbomExport":                                  post("/sbomexport/get"),
		"ListAccountPermissions":                         post("/accountpermissions/list"),
		"ListCisScanConfigurations":                      post("/cis/scan-configuration/list"),
		"ListCisScanResultsAggregatedByChecks":           post("/cis/scan-result/check/list"),
		"ListCisScanResultsAggregatedByTargetResource":   post("/cis/scan-result/resource/list"),
		"ListCisScans":                                   post("/cis/scan/list"),
		"ListCodeSecurityIntegrations":                   post("/codesecurity/integration/list"),
		"ListCodeSecurityScanConfigurationAssociations":  post("/codesecurity/scan-configuration/associations/list"),
		"ListCodeSecurityScanConfigurations":             post("/codesecurity/scan-configuration/list"),
		"ListCoverage":                                   post("/coverage/list"),
		"ListCoverageStatistics":                         post("/coverage/statistics/list"),
		"ListDelegatedAdminAccounts":                     post("/delegatedadminaccounts/list"),
		"ListFilters":                                    post("/filters/list"),
		"ListFindingAggregations":                        post("/findings/aggregation/list"),
		"ListFindings":                                   post("/findings/list"),
		"ListMembers":                                    post("/members/list"),
		"ListTagsForResource":                            tags(http.MethodGet),
		"ListUsageTotals":                                post("/usage/list"),
		"ResetEncryptionKey":                             put("/encryptionkey/reset"),
		"SearchVulnerabilities":                          post("/vulnerabilities/search"),
		"SendCisSessionHealth":                           put("/cissession/health/send"),
		"SendCisSessionTelemetry":                        put("/cissession/telemetry/send"),
		"StartCisSession":                                put("/cissession/start"),
		"StartCodeSecurityScan":                          post("/codesecurity/scan/start"),
		"StopCisSession":                                 put("/cissession/stop"),
		"TagResource":                                    tags(http.MethodPost),
		"UntagResource":                                  tags(http.MethodDelete, "TagKeys"),
		"UpdateCisScanConfiguration":                     post("/cis/scan-configuration/update"),
		"UpdateCodeSecurityIntegration":                  post("/codesecurity/integration/update"),
		"UpdateCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/update"),
		"UpdateConfiguration":                            post("/configuration/update"),
		"UpdateEc2DeepInspectionConfiguration":           post("/ec2deepinspectionconfiguration/update"),
		"UpdateEncryptionKey":                            put("/encryptionkey/update"),
		"UpdateFilter":                                   post("/filters/update"),
		"UpdateOrgEc2DeepInspectionConfiguration":        post("/ec2deepinspectionconfiguration/org/update"),
		"UpdateOrganizationConfiguration":                post("/organizationconfiguration/update"),
	}
}
