package service

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

// inspectorSetting is the name under which the configuration of Inspector is kept.
const inspectorSetting = "inspector-configuration"

// lateAnswer is after how long a job that a setting needs runs by itself: it is
// stored before the setting is, in case that nobody comes to announce it after.
const lateAnswer = 5 * time.Second

// InspectorConfiguration is for how long enhanced scanning looks at images.
type InspectorConfiguration struct {
	RescanDuration         string    `json:"rescanDuration"` // after the push: DAYS_14, …, or LIFETIME
	PullDateRescanDuration string    `json:"pullDateRescanDuration"`
	PullDateRescanMode     string    `json:"pullDateRescanMode"`
	UpdatedAt              time.Time `json:"updatedAt,omitzero"` // zero: nobody has changed it
}

// Values of InspectorConfiguration.
const (
	RescanLifetime = "LIFETIME"
	RescanDefault  = "DAYS_14"
	// ByLastUse counts from when an image was seen running. Nobody tells ecru of
	// that yet, so that only the push counts.
	ByLastUse  = "LAST_IN_USE_AT"
	ByLastPull = "LAST_PULL_DATE"
)

// rescanDays reads DAYS_14, DAYS_30, DAYS_60, DAYS_90 and DAYS_180.
func rescanDays(value string) (time.Duration, bool) {
	switch value {
	case "DAYS_14", "DAYS_30", "DAYS_60", "DAYS_90", "DAYS_180":
		days, err := strconv.Atoi(strings.TrimPrefix(value, "DAYS_"))
		return time.Duration(days) * 24 * time.Hour, err == nil
	}
	return 0, false
}

func (c InspectorConfiguration) validate() error {
	if _, ok := rescanDays(c.RescanDuration); !ok && c.RescanDuration != RescanLifetime {
		return registry.InvalidParameter("ecrConfiguration.rescanDuration", "Member must satisfy enum value set: [LIFETIME, DAYS_30, DAYS_180, DAYS_14, DAYS_60, DAYS_90]")
	}
	if _, ok := rescanDays(c.PullDateRescanDuration); !ok {
		return registry.InvalidParameter("ecrConfiguration.pullDateRescanDuration", "Member must satisfy enum value set: [DAYS_14, DAYS_30, DAYS_60, DAYS_90, DAYS_180]")
	}
	if c.PullDateRescanMode != ByLastUse && c.PullDateRescanMode != ByLastPull {
		return registry.InvalidParameter("ecrConfiguration.pullDateRescanMode", "Member must satisfy enum value set: [LAST_PULL_DATE, LAST_IN_USE_AT]")
	}
	return nil
}

// windows are valid configurations in time.
func (c InspectorConfiguration) windows() enhanced.Windows {
	push, _ := rescanDays(c.RescanDuration) // zero for LIFETIME
	pull, _ := rescanDays(c.PullDateRescanDuration)
	return enhanced.Windows{Push: push, Pull: pull, ByPull: c.PullDateRescanMode == ByLastPull}
}

// InspectorConfiguration answers for how long images are looked at.
func (s *Service) InspectorConfiguration(ctx context.Context, c Caller) (InspectorConfiguration, error) {
	scope, err := s.allowResource(ctx, c, "inspector2:GetConfiguration", "*")
	if err != nil {
		return InspectorConfiguration{}, err
	}
	return s.inspectorConfiguration(ctx, scope.Account)
}

func (s *Service) inspectorConfiguration(ctx context.Context, account string) (InspectorConfiguration, error) {
	config := InspectorConfiguration{RescanDuration: RescanDefault, PullDateRescanDuration: RescanDefault, PullDateRescanMode: ByLastUse}
	_, err := s.load(ctx, account, inspectorSetting, &config)
	return config, err
}

// PutInspectorConfiguration changes for how long images are looked at; what is
// empty stays as it is. A longer time is for images that are looked at: those whose
// time is over stay so until they are pushed again. Errors: InvalidParameter.
func (s *Service) PutInspectorConfiguration(ctx context.Context, c Caller, change InspectorConfiguration) error {
	scope, err := s.allowResource(ctx, c, "inspector2:UpdateConfiguration", "*")
	if err != nil {
		return err
	}
	config, err := s.inspectorConfiguration(ctx, scope.Account)
	if err != nil {
		return err
	}
	for _, field := range []struct{ to, from *string }{
		{&config.RescanDuration, &change.RescanDuration},
		{&config.PullDateRescanDuration, &change.PullDateRescanDuration},
		{&config.PullDateRescanMode, &change.PullDateRescanMode},
	} {
		if *field.from != "" {
			*field.to = *field.from
		}
	}
	if err := config.validate(); err != nil {
		return err
	}
	config.UpdatedAt = s.Now()
	return s.withJob(ctx, enhanced.NewWindowsJob(scope.Account, s.Now()), func() error {
		return s.save(ctx, scope.Account, inspectorSetting, config)
	})
}

// withJob makes a change that a job has to follow, whatever happens in between.
func (s *Service) withJob(ctx context.Context, j job.Job, change func() error) error {
	late := j
	late.RunAt = j.RunAt.Add(lateAnswer)
	if err := s.Store.Enqueue(ctx, late); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if err := s.Store.Enqueue(ctx, j); err != nil {
		return err
	}
	s.Wake()
	return nil
}

// EnhancedPlan is part of enhanced.Plans.
func (s *Service) EnhancedPlan(ctx context.Context, account string) (enhanced.Plan, error) {
	scanning, err := s.scanningConfiguration(ctx, account)
	if err != nil {
		return enhanced.Plan{}, err
	}
	config, err := s.inspectorConfiguration(ctx, account)
	return enhanced.Plan{Scanning: scanning, Windows: config.windows()}, err
}

// EnableEnhanced switches an account to enhanced scanning, with the rules that it
// had when it was last switched off, or else of everything all the time. It answers
// false when it is on already.
func (s *Service) EnableEnhanced(ctx context.Context, account string) (bool, error) {
	return s.switchScanning(ctx, account, registry.ScanEnhanced)
}

// DisableEnhanced switches an account to basic scanning, with the rules that it had
// before. It answers false when enhanced scanning is off already.
func (s *Service) DisableEnhanced(ctx context.Context, account string) (bool, error) {
	return s.switchScanning(ctx, account, registry.ScanBasic)
}

func (s *Service) switchScanning(ctx context.Context, account string, to registry.ScanType) (bool, error) {
	config, err := s.scanningConfiguration(ctx, account)
	if err != nil || config.Type == to {
		return false, err
	}
	config = registry.ScanningConfiguration{Type: to}
	if _, err := s.load(ctx, account, rulesBefore(to), &config); err != nil {
		return false, err
	}
	return true, s.putScanning(ctx, account, config)
}

// rulesBefore is the setting that keeps the configuration of a scan type while the
// other is on.
func rulesBefore(t registry.ScanType) string {
	return scanningSetting + "-" + strings.ToLower(string(t))
}

// putScanning replaces how an account scans, and has its images follow.
func (s *Service) putScanning(ctx context.Context, account string, config registry.ScanningConfiguration) error {
	before, err := s.scanningConfiguration(ctx, account)
	if err != nil {
		return err
	}
	if before.Type == registry.ScanBasic && config.Type == registry.ScanBasic {
		return s.save(ctx, account, scanningSetting, config)
	}
	if before.Type != config.Type {
		if err := s.save(ctx, account, rulesBefore(before.Type), before); err != nil {
			return err
		}
	}
	return s.withJob(ctx, enhanced.NewEnrolJob(account, s.Now()), func() error {
		return s.save(ctx, account, scanningSetting, config)
	})
}
