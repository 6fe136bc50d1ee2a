package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// scanningSetting is the name under which the scanning configuration is kept;
// it is not an account setting that a client can see.
const scanningSetting = "scanning-configuration"

// accountSettings are the settings that a client may read and write: allowed
// values, the default first.
func accountSettings() map[string][]string {
	return map[string][]string{
		registry.SettingBasicScanVersion: {registry.EngineNative, registry.EngineClair},
		registry.SettingPolicyScope:      {"V2", "V1"},
		registry.SettingBlobMounting:     {registry.MountingDisabled, registry.MountingEnabled},
	}
}

// AccountSetting answers a setting, its default where none was put.
// Errors: InvalidParameter.
func (s *Service) AccountSetting(ctx context.Context, c Caller, name string) (string, error) {
	scope, err := s.allow(ctx, c, "ecr:GetAccountSetting")
	if err != nil {
		return "", err
	}
	if _, ok := accountSettings()[name]; !ok {
		return "", unknownSetting()
	}
	return s.setting(ctx, scope.Account, name)
}

// PutAccountSetting changes a setting. Errors: InvalidParameter.
func (s *Service) PutAccountSetting(ctx context.Context, c Caller, name, value string) error {
	scope, err := s.allow(ctx, c, "ecr:PutAccountSetting")
	if err != nil {
		return err
	}
	allowed, ok := accountSettings()[name]
	if !ok {
		return unknownSetting()
	}
	if !slices.Contains(allowed, value) {
		return registry.InvalidParameter("value", "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
	}
	return s.Store.PutSetting(ctx, scope.Account, name, value)
}

func unknownSetting() error {
	return registry.InvalidParameter("name", "Member must satisfy enum value set: ["+
		strings.Join([]string{registry.SettingBasicScanVersion, registry.SettingPolicyScope, registry.SettingBlobMounting}, ", ")+"]")
}

func (s *Service) setting(ctx context.Context, account, name string) (string, error) {
	value, ok, err := s.Store.Setting(ctx, account, name)
	if err != nil {
		return "", err
	}
	if !ok {
		value = accountSettings()[name][0]
	}
	return value, nil
}

// ScanningConfiguration answers how the registry scans.
func (s *Service) ScanningConfiguration(ctx context.Context, c Caller) (registry.Scope, registry.ScanningConfiguration, error) {
	scope, err := s.allow(ctx, c, "ecr:GetRegistryScanningConfiguration")
	if err != nil {
		return scope, registry.ScanningConfiguration{}, err
	}
	config, err := s.scanningConfiguration(ctx, scope.Account)
	return scope, config, err
}

func (s *Service) scanningConfiguration(ctx context.Context, account string) (registry.ScanningConfiguration, error) {
	config := registry.ScanningConfiguration{Type: registry.ScanBasic}
	_, err := s.load(ctx, account, scanningSetting, &config)
	return config, err
}

// PutScanningConfiguration replaces how the registry scans.
// Errors: InvalidParameter.
func (s *Service) PutScanningConfiguration(ctx context.Context, c Caller, config registry.ScanningConfiguration) error {
	scope, err := s.allow(ctx, c, "ecr:PutRegistryScanningConfiguration")
	if err != nil {
		return err
	}
	if config.Type == "" {
		config.Type = registry.ScanBasic
	}
	if err := config.Validate(); err != nil {
		return err
	}
	return s.putScanning(ctx, scope.Account, config)
}

// load reads a setting that holds a value of ours, and answers whether it is
// there; otherwise into stays as it is.
func (s *Service) load(ctx context.Context, account, name string, into any) (bool, error) {
	stored, ok, err := s.Store.Setting(ctx, account, name)
	if err != nil || !ok {
		return false, err
	}
	if err := json.Unmarshal([]byte(stored), into); err != nil {
		return false, registry.Internal("reading the setting "+name, err)
	}
	return true, nil
}

// save stores a value of ours as a setting.
func (s *Service) save(ctx context.Context, account, name string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return registry.Internal("encoding the setting "+name, err)
	}
	return s.Store.PutSetting(ctx, account, name, string(encoded))
}

// RepositoryScanning is how one repository is scanned.
type RepositoryScanning struct {
	Name      string
	ARN       string
	Found     bool // false: there is no such repository
	Frequency registry.ScanFrequency
	Filters   []string
}

// RepositoryScanningConfigurations answers how each named repository is
// scanned; unknown ones come back as not found.
func (s *Service) RepositoryScanningConfigurations(ctx context.Context, c Caller, names []string) ([]RepositoryScanning, error) {
	out := make([]RepositoryScanning, 0, len(names))
	for _, name := range names {
		scope, err := s.allowOn(ctx, c, "ecr:BatchGetRepositoryScanningConfiguration", name)
		if err != nil {
			return nil, err
		}
		one := RepositoryScanning{Name: name, ARN: scope.RepositoryARN(name)}
		repo, err := s.Store.Repository(ctx, scope.Account, name)
		switch registry.CodeOf(err) {
		case "":
			config, err := s.scanningConfiguration(ctx, scope.Account)
			if err != nil {
				return nil, err
			}
			one.Found = true
			one.Frequency, one.Filters = config.FrequencyFor(repo)
		case registry.CodeRepositoryNotFound:
		default:
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}
