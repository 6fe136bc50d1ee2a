package inspector_test

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// fill gives every member a value that is long enough for the client.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	default: // stays as it is
	}
}

// unserved are the operations about what is no container image, and about
// organizations.
func unserved() map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`AssociateMember BatchAssociateCodeSecurityScanConfiguration BatchDisassociateCodeSecurityScanConfiguration
		BatchGetCodeSnippet BatchGetFreeTrialInfo BatchGetMemberEc2DeepInspectionStatus BatchUpdateMemberEc2DeepInspectionStatus
		CreateCisScanConfiguration CreateCodeSecurityIntegration CreateCodeSecurityScanConfiguration DeleteCisScanConfiguration
		DeleteCodeSecurityIntegration DeleteCodeSecurityScanConfiguration DescribeOrganizationConfiguration DisableDelegatedAdminAccount
		DisassociateMember EnableDelegatedAdminAccount GetCisScanReport GetCisScanResultDetails GetCodeSecurityIntegration
		GetCodeSecurityScan GetCodeSecurityScanConfiguration GetDelegatedAdminAccount GetEc2DeepInspectionConfiguration GetEncryptionKey
		GetMember ListCisScanConfigurations ListCisScanResultsAggregatedByChecks ListCisScanResultsAggregatedByTargetResource ListCisScans
		ListCodeSecurityIntegrations ListCodeSecurityScanConfigurationAssociations ListCodeSecurityScanConfigurations
		ListDelegatedAdminAccounts ListMembers ListUsageTotals ResetEncryptionKey SendCisSessionHealth SendCisSessionTelemetry
		StartCisSession StartCodeSecurityScan StopCisSession UpdateCisScanConfiguration UpdateCodeSecurityIntegration
		UpdateCodeSecurityScanConfiguration UpdateEc2DeepInspectionConfiguration UpdateEncryptionKey
		UpdateOrgEc2DeepInspectionConfiguration UpdateOrganizationConfiguration`) {
		all[name] = true
	}
	return all
}

// TestEveryOperationOfTheSDKIsServedOrRefused calls all of them with members that
// may break constraints: what is served finds that, or answers.
func TestEveryOperationOfTheSDKIsServedOrRefused(t *testing.T) {
	a := start(t)
	refused, seen := unserved(), 0
	for m := range reflect.TypeFor[*inspector2.Client]().Methods() {
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 || !strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
			continue
		}
		seen++
		in := reflect.New(m.Type.In(2).Elem())
		fill(in.Elem())
		res := m.Func.Call([]reflect.Value{reflect.ValueOf(a.Client), reflect.ValueOf(t.Context()), in})
		err, _ := res[1].Interface().(error)
		var e smithy.APIError
		code := ""
		if errors.As(err, &e) {
			code = e.ErrorCode()
		}
		switch {
		case refused[m.Name]:
			// Members of unions cannot be filled in: the client refuses itself.
			if code != "UnsupportedOperationException" && !strings.Contains(err.Error(), "serialize") && !strings.Contains(err.Error(), "validation error") {
				t.Errorf("%s: %v", m.Name, err)
			}
		case code == "UnsupportedOperationException", code == "UnknownOperationException", code == "InternalServerException", err != nil && code == "":
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	if seen != 75 {
		t.Errorf("the SDK has %d operations: are all of them in the routes?", seen)
	}
}

func TestWhatIsNotServedSaysSo(t *testing.T) {
	a := start(t)
	_, err := a.ListMembers(t.Context(), &inspector2.ListMembersInput{})
	apitest.Want(t, err, "UnsupportedOperationException", "The operation ListMembers is not supported by this version of ecru yet.")
}

func TestRequestsWithoutSignatureAreRefusedAsRESTServicesDo(t *testing.T) {
	a := start(t)
	for _, row := range []struct{ method, path, code string }{
		{http.MethodPost, "/findings/list", "MissingAuthenticationTokenException"},
		{http.MethodGet, "/findings/list", "MissingAuthenticationTokenException"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, a.url+row.path, strings.NewReader("{}"))
		a.must(err)
		response, err := http.DefaultClient.Do(r)
		a.must(err)
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden || response.Header.Get("X-Amzn-Errortype") != row.code || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %s %v", row.method, row.path, response.Status, response.Header)
		}
	}
}
