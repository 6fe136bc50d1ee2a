package service

import (
	"context"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
)

// ScanningECR is what Inspector calls the scanning of registries.
const ScanningECR = "ECR"

// InspectorAccount is how an account is scanned.
type InspectorAccount struct {
	ID      string
	Enabled bool // enhanced scanning of its registry
	// Changed says that it was not so before the request.
	Changed bool
}

// SwitchInspector switches enhanced scanning of the caller's registry on or off.
// Of other accounts it answers that they are not the caller's to switch.
func (s *Service) SwitchInspector(ctx context.Context, c Caller, on bool, accounts []string) (own []InspectorAccount, others []string, err error) {
	action := "Disable"
	if on {
		action = "Enable"
	}
	scope, err := s.allowInspector(ctx, c, action)
	if err != nil {
		return nil, nil, err
	}
	asked, others := ownAccount(scope, accounts)
	if !asked {
		return nil, others, nil
	}
	change := s.DisableEnhanced
	if on {
		change = s.EnableEnhanced
	}
	changed, err := change(ctx, scope.Account)
	return []InspectorAccount{{ID: scope.Account, Enabled: on, Changed: changed}}, others, err
}

// InspectorAccounts answers how accounts are scanned: the caller's own. The others
// are named.
func (s *Service) InspectorAccounts(ctx context.Context, c Caller, accounts []string) (own []InspectorAccount, others []string, err error) {
	scope, err := s.allowInspector(ctx, c, "BatchGetAccountStatus")
	if err != nil {
		return nil, nil, err
	}
	asked, others := ownAccount(scope, accounts)
	if !asked {
		return nil, others, nil
	}
	config, err := s.scanningConfiguration(ctx, scope.Account)
	return []InspectorAccount{{ID: scope.Account, Enabled: config.Type == registry.ScanEnhanced}}, others, err
}

// ownAccount tells whether an account is among those asked for, and the others;
// none means itself.
func ownAccount(scope registry.Scope, accounts []string) (own bool, others []string) {
	own = len(accounts) == 0
	for _, id := range accounts {
		if id == scope.Account {
			own = true
		} else {
			others = append(others, id)
		}
	}
	return own, others
}

// AllowInspector authorises an operation of Inspector that is nothing but that
// question, and answers the account.
func (s *Service) AllowInspector(ctx context.Context, c Caller, operation string) (string, error) {
	scope, err := s.allowInspector(ctx, c, operation)
	return scope.Account, err
}

// MayInspector says which operations of Inspector a caller may use.
func (s *Service) MayInspector(ctx context.Context, c Caller, operations ...string) (map[string]bool, error) {
	scope := s.registryOf(c)
	may := map[string]bool{}
	for _, o := range operations {
		request, policies, err := s.ask(ctx, scope, c, question{action: "inspector2:" + o, resource: "*"})
		if err != nil {
			return nil, err
		}
		may[o] = iam.Evaluate(request, policies).Allowed
	}
	return may, nil
}
