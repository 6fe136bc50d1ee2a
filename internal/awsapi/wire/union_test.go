package wire_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

func unions() *wire.Codec {
	return wire.New(wire.LowerCamel, wire.UnionOf[types.AggregationRequest](
		&types.AggregationRequestMemberTitleAggregation{}, &types.AggregationRequestMemberPackageAggregation{},
	))
}

func TestAUnionIsTheOneMemberThatItHas(t *testing.T) {
	c := unions()
	var in inspector2.ListFindingAggregationsInput
	const text = `{"aggregationType":"TITLE","aggregationRequest":{"packageAggregation":null,"titleAggregation":{"sortBy":"ALL"}}}`
	if err := c.Decode([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	title, ok := in.AggregationRequest.(*types.AggregationRequestMemberTitleAggregation)
	if !ok || title.Value.SortBy != types.TitleSortByAll {
		t.Fatalf("%#v", in.AggregationRequest)
	}
	out, err := c.Append(nil, in)
	if want := `{"aggregationType":"TITLE","aggregationRequest":{"titleAggregation":{"sortBy":"ALL"}}}`; err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
}

func TestAUnionOfNoneSeveralOrUnknownMembersIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "A union must have exactly one member",
		`{"titleAggregation":{},"packageAggregation":{}}`: "A union must have exactly one member",
		`{"other":{}}`: "A union has a member that is not known",
		`[]`:           "Start of list found where not expected",
		`"x"`:          "Expected a structure or null",
	} {
		var in inspector2.ListFindingAggregationsInput
		err := unions().Decode([]byte(`{"aggregationRequest":`+text+`}`), &in)
		var wrong *wire.Error
		if !errors.As(err, &wrong) || wrong.Message != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAnInterfaceThatIsNoUnionHasNoForm(t *testing.T) {
	if err := wire.New(wire.LowerCamel).Decode([]byte(`{}`), new(inspector2.ListFindingAggregationsInput)); err == nil {
		t.Error("it has one")
	}
}
