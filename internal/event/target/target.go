// Package target knows the protocols of targets: HTTP endpoints with all that
// proves who calls, files and the standard output, NATS, and the services of
// AWS. It makes the senders that package delivery sends with.
//
// Every call leaves through the guarded dialer of package outbound. The package
// must not read the store: what a destination is and how it is authorised is
// asked of Destinations.
package target

import (
	"context"

	"github.com/ecru-registry/ecru/internal/event"
)

// Destinations knows API destinations with the secrets of their connections.
type Destinations interface {
	// EventDestination answers the destination of an ARN. The revision changes
	// whenever the destination, its connection or a secret does.
	// Errors: registry.CodeResourceNotFound.
	EventDestination(ctx context.Context, account, arn string) (d event.Destination, a event.Authorization, revision string, err error)
}
