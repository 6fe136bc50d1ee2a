package inspector

import (
	"maps"
	"net/http"

	"github.com/ecru-registry/ecru/internal/awsapi"
)

func post(path string) awsapi.Route { return awsapi.Route{Method: http.MethodPost, Path: path} }

// routes are those of all of the API, served or not.
func routes() map[string]awsapi.Route {
	tags := func(method string, query ...string) awsapi.Route {
		return awsapi.Route{Method: method, Path: "/tags/", Label: "ResourceArn", Query: query}
	}
	all := map[string]awsapi.Route{
		"BatchGetAccountStatus":   post("/status/batch/get"),
		"BatchGetFindingDetails":  post("/findings/details/batch/get"),
		"BatchGetFreeTrialInfo":   post("/freetrialinfo/batchget"),
		"CancelFindingsReport":    post("/reporting/cancel"),
		"CancelSbomExport":        post("/sbomexport/cancel"),
		"CreateFilter":            post("/filters/create"),
		"CreateFindingsReport":    post("/reporting/create"),
		"CreateSbomExport":        post("/sbomexport/create"),
		"DeleteFilter":            post("/filters/delete"),
		"Disable":                 post("/disable"),
		"Enable":                  post("/enable"),
		"GetClustersForImage":     post("/cluster/get"),
		"GetConfiguration":        post("/configuration/get"),
		"GetFindingsReportStatus": post("/reporting/status/get"),
		"GetSbomExport":           post("/sbomexport/get"),
		"ListAccountPermissions":  post("/accountpermissions/list"),
		"ListCoverage":            post("/coverage/list"),
		"ListCoverageStatistics":  post("/coverage/statistics/list"),
		"ListFilters":             post("/filters/list"),
		"ListFindingAggregations": post("/findings/aggregation/list"),
		"ListFindings":            post("/findings/list"),
		"ListTagsForResource":     tags(http.MethodGet),
		"ListUsageTotals":         post("/usage/list"),
		"SearchVulnerabilities":   post("/vulnerabilities/search"),
		"TagResource":             tags(http.MethodPost),
		"UntagResource":           tags(http.MethodDelete, "TagKeys"),
		"UpdateConfiguration":     post("/configuration/update"),
		"UpdateFilter":            post("/filters/update"),
	}
	maps.Copy(all, otherRoutes())
	return all
}

// otherRoutes are those of what is no container image, and of organizations.
func otherRoutes() map[string]awsapi.Route {
	put := func(path string) awsapi.Route { return awsapi.Route{Method: http.MethodPut, Path: path} }
	return map[string]awsapi.Route{
		"AssociateMember": post("/members/associate"),
		"BatchAssociateCodeSecurityScanConfiguration":    post("/codesecurity/scan-configuration/batch/associate"),
		"BatchDisassociateCodeSecurityScanConfiguration": post("/codesecurity/scan-configuration/batch/disassociate"),
		"BatchGetCodeSnippet":                            post("/codesnippet/batchget"),
		"BatchGetMemberEc2DeepInspectionStatus":          post("/ec2deepinspectionstatus/member/batch/get"),
		"BatchUpdateMemberEc2DeepInspectionStatus":       post("/ec2deepinspectionstatus/member/batch/update"),
		"CreateCisScanConfiguration":                     post("/cis/scan-configuration/create"),
		"CreateCodeSecurityIntegration":                  post("/codesecurity/integration/create"),
		"CreateCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/create"),
		"DeleteCisScanConfiguration":                     post("/cis/scan-configuration/delete"),
		"DeleteCodeSecurityIntegration":                  post("/codesecurity/integration/delete"),
		"DeleteCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/delete"),
		"DescribeOrganizationConfiguration":              post("/organizationconfiguration/describe"),
		"DisableDelegatedAdminAccount":                   post("/delegatedadminaccounts/disable"),
		"DisassociateMember":                             post("/members/disassociate"),
		"EnableDelegatedAdminAccount":                    post("/delegatedadminaccounts/enable"),
		"GetCisScanReport":                               post("/cis/scan/report/get"),
		"GetCisScanResultDetails":                        post("/cis/scan-result/details/get"),
		"GetCodeSecurityIntegration":                     post("/codesecurity/integration/get"),
		"GetCodeSecurityScan":                            post("/codesecurity/scan/get"),
		"GetCodeSecurityScanConfiguration":               post("/codesecurity/scan-configuration/get"),
		"GetDelegatedAdminAccount":                       post("/delegatedadminaccounts/get"),
		"GetEc2DeepInspectionConfiguration":              post("/ec2deepinspectionconfiguration/get"),
		"GetEncryptionKey":                               {Method: http.MethodGet, Path: "/encryptionkey/get"},
		"GetMember":                                      post("/members/get"),
		"ListCisScanConfigurations":                      post("/cis/scan-configuration/list"),
		"ListCisScanResultsAggregatedByChecks":           post("/cis/scan-result/check/list"),
		"ListCisScanResultsAggregatedByTargetResource":   post("/cis/scan-result/resource/list"),
		"ListCisScans":                                   post("/cis/scan/list"),
		"ListCodeSecurityIntegrations":                   post("/codesecurity/integration/list"),
		"ListCodeSecurityScanConfigurationAssociations":  post("/codesecurity/scan-configuration/associations/list"),
		"ListCodeSecurityScanConfigurations":             post("/codesecurity/scan-configuration/list"),
		"ListDelegatedAdminAccounts":                     post("/delegatedadminaccounts/list"),
		"ListMembers":                                    post("/members/list"),
		"ResetEncryptionKey":                             put("/encryptionkey/reset"),
		"SendCisSessionHealth":                           put("/cissession/health/send"),
		"SendCisSessionTelemetry":                        put("/cissession/telemetry/send"),
		"StartCisSession":                                put("/cissession/start"),
		"StartCodeSecurityScan":                          post("/codesecurity/scan/start"),
		"StopCisSession":                                 put("/cissession/stop"),
		"UpdateCisScanConfiguration":                     post("/cis/scan-configuration/update"),
		"UpdateCodeSecurityIntegration":                  post("/codesecurity/integration/update"),
		"UpdateCodeSecurityScanConfiguration":            post("/codesecurity/scan-configuration/update"),
		"UpdateEc2DeepInspectionConfiguration":           post("/ec2deepinspectionconfiguration/update"),
		"UpdateEncryptionKey":                            put("/encryptionkey/update"),
		"UpdateOrgEc2DeepInspectionConfiguration":        post("/ec2deepinspectionconfiguration/org/update"),
		"UpdateOrganizationConfiguration":                post("/organizationconfiguration/update"),
	}
}
