package scan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// AdvisoryLoader loads the advisories of an ecosystem the first time that an
// image needs them. From then on the updater keeps them fresh.
type AdvisoryLoader struct {
	Store   advisory.Store
	Updater *advisory.Updater

	loading singleflight.Group
}

// Ensure answers when the advisories of an ecosystem were updated.
// Errors: ErrNoAdvisories.
func (l *AdvisoryLoader) Ensure(ctx context.Context, ecosystem string) (time.Time, error) {
	if at, ok, err := l.loaded(ctx, ecosystem); ok || err != nil {
		return at, err
	}
	load := l.loading.DoChan(ecosystem, func() (any, error) {
		return nil, l.load(context.WithoutCancel(ctx), ecosystem)
	})
	select {
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case result := <-load:
		if result.Err != nil {
			return time.Time{}, result.Err
		}
	}
	at, ok, err := l.loaded(ctx, ecosystem)
	if err == nil && !ok {
		err = ErrNoAdvisories
	}
	return at, err
}

// loaded looks for the ecosystem's own advisories or those of all its releases.
func (l *AdvisoryLoader) loaded(ctx context.Context, ecosystem string) (time.Time, bool, error) {
	sources, err := l.Store.Sources(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	for _, name := range []string{ecosystem, advisory.Parent(ecosystem)} {
		for _, s := range sources {
			if s.Ecosystem == name && s.Loaded() {
				return s.Checked(), true, nil
			}
		}
	}
	return time.Time{}, false, nil
}

func (l *AdvisoryLoader) load(ctx context.Context, ecosystem string) error {
	outcomes, err := l.Updater.Update(ctx, nil, ecosystem)
	if errors.Is(err, advisory.ErrOff) {
		return ErrNoAdvisories
	}
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		switch {
		case errors.Is(o.Err, advisory.ErrNoExport):
			return ErrNoAdvisories
		case o.Err != nil:
			return fmt.Errorf("loading advisories of %s: %w", o.Ecosystem, o.Err)
		}
	}
	return nil
}
