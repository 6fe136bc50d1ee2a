package service

import "testing"

func TestRulesThatCannotWantAnEventDoNotListen(t *testing.T) {
	event := map[string]string{"source": "aws.inspector2", "detail-type": "Inspector2 Finding"}
	for pattern, want := range map[string]bool{
		`{"source":["aws.inspector2"]}`:                                       true,
		`{"source":["aws.ecr","aws.inspector2"]}`:                             true,
		`{"source":["aws.ecr"]}`:                                              false,
		`{"source":[{"prefix":"aws."}]}`:                                      true,
		`{"detail-type":["Inspector2 Scan"]}`:                                 false,
		`{"detail-type":["Inspector2 Scan", {"wildcard":"Inspector2 *"}]}`:    true,
		`{"account":["123456789012"]}`:                                        true,
		`{"$or":[{"source":["aws.ecr"]},{"detail-type":["something"]}]}`:      true, // it takes a closer look
		`{"source":["aws.inspector2"],"detail":{"severity":["CRITICAL"]}}`:    true,
		`{"source":["aws.inspector2"],"detail-type":["Inspector2 Coverage"]}`: false,
	} {
		if got := mayMatch(pattern, event); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}
