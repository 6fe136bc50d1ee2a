package ecr_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
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
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	default: // stays as it is
	}
}

// TestEveryOperationOfTheSDKIsServed calls all of them with members that break
// constraints: what is served finds that, or answers.
func TestEveryOperationOfTheSDKIsServed(t *testing.T) {
	a := start(t)
	seen := 0
	for m := range reflect.TypeFor[*sdk.Client]().Methods() {
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 || !strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
			continue
		}
		seen++
		in := reflect.New(m.Type.In(2).Elem())
		fill(in.Elem())
		res := m.Func.Call([]reflect.Value{reflect.ValueOf(a.Client), reflect.ValueOf(t.Context()), in})
		err, _ := res[1].Interface().(error)
		code := ""
		var e smithy.APIError
		if errors.As(err, &e) {
			code = e.ErrorCode()
		}
		if code == "UnsupportedOperationException" || code == "UnknownOperationException" || code == "ServerException" || err != nil && code == "" {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	if seen != 62 {
		t.Errorf("%d operations seen", seen)
	}
}

func TestWhatTheModelDemandsIsDemanded(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	long := strings.Repeat("a", 257)
	name := func(c string) string {
		return "Invalid parameter at 'repositoryName' failed to satisfy constraint: '" + c + "'"
	}
	const pattern = "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'"
	for given, text := range map[string]string{
		"a": name("must have length greater than or equal to 2"), long: name("must have length less than or equal to 256"),
		"Web": name(pattern), "web/": name(pattern), "../etc": name(pattern), "web\n": name(pattern), "a//b": name(pattern),
	} {
		_, err := a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: &given})
		apitest.Want(t, err, "InvalidParameterException", text)
	}
	_, err := a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(1001)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'")
	_, err = a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{MaxResults: aws.Int32(0)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value greater than or equal to 1'")
	_, err = a.GetAuthorizationToken(ctx, &sdk.GetAuthorizationTokenInput{RegistryIds: []string{"1234"}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'registryIds' failed to satisfy constraint: 'Member must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]{12}]'")
	_, err = a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RegistryId: aws.String("123")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'registryId' failed to satisfy constraint: 'Member must satisfy regular expression pattern: [0-9]{12}'")
	_, err = a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"web"}, NextToken: aws.String("x")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'nextToken cannot be specified together with repositoryNames'")
	_, err = a.BatchDeleteImage(ctx, &sdk.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: nil})
	if err == nil || !strings.Contains(err.Error(), "ImageIds") { // the client itself
		t.Error(err)
	}
	_, err = a.PutImageTagMutability(ctx, &sdk.PutImageTagMutabilityInput{RepositoryName: aws.String("web"), ImageTagMutability: "SOMETIMES"})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: [IMMUTABLE, MUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'")
}

func TestAnotherAccountsRegistryIsDenied(t *testing.T) {
	a := start(t)
	a.repository("web")
	_, err := a.as("AKIDOTHER").DescribeRepositories(t.Context(), &sdk.DescribeRepositoriesInput{RegistryId: aws.String(account), RepositoryNames: []string{"web"}})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::"+other+":root is not authorized to perform: ecr:DescribeRepositories on resource: "+
		"arn:aws:ecr:us-east-1:"+account+":repository/web because no resource-based policy allows the ecr:DescribeRepositories action")
	out := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.as("AKIDOTHER").DescribeRepositories(t.Context(), &sdk.DescribeRepositoriesInput{}))
	if len(out.Repositories) != 0 {
		t.Errorf("another account's repositories show: %+v", out.Repositories)
	}
}
