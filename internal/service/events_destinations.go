package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// APIDestination is an API destination as it is described.
type APIDestination struct {
	event.Destination
	ARN    string
	Active bool // its connection has credentials
}

// destinationARN is the ARN of an API destination; without an id it stands for
// all of the name.
func destinationARN(scope registry.Scope, name, id string) string {
	return eventsARN(scope, "api-destination", name, id)
}

func (s *Service) allowDestination(ctx context.Context, c Caller, action, name string) (registry.Scope, error) {
	return s.allowResource(ctx, c, "events:"+action, destinationARN(s.registryOf(c), name, ""))
}

// CreateAPIDestination makes an API destination out of a name, description,
// connection, endpoint, method and rate. Who does must be allowed to on the
// connection too: its credentials go to the endpoint.
// Errors: Validation, ResourceNotFound, ResourceAlreadyExists, LimitExceeded.
func (s *Service) CreateAPIDestination(ctx context.Context, c Caller, d event.Destination) (APIDestination, error) {
	const action = "CreateApiDestination"
	scope, err := s.allowDestination(ctx, c, action, d.Name)
	if err != nil {
		return APIDestination{}, err
	}
	if err := s.checkDestination(ctx, c, scope, action, &d); err != nil {
		return APIDestination{}, err
	}
	now := s.Now()
	d.ID, d.CreatedAt, d.ModifiedAt = uuid.NewString(), now, now
	record := meta.Record{Account: scope.Account, Kind: meta.DestinationRecord, Name: d.Name, Body: marshalRecord(d), CreatedAt: now}
	switch err := s.Store.CreateRecord(ctx, record, maxDestinations); {
	case errors.Is(err, meta.ErrExists):
		return APIDestination{}, registry.DestinationExists(d.Name)
	case errors.Is(err, meta.ErrFull):
		return APIDestination{}, registry.TooManyOfEvents()
	case err != nil:
		return APIDestination{}, err
	}
	return s.described(ctx, scope, d)
}

// checkDestination says what is wrong with a destination, and whether a caller
// may have its connection's credentials sent there.
func (s *Service) checkDestination(ctx context.Context, c Caller, scope registry.Scope, action string, d *event.Destination) error {
	name, _, ok := cutEventsARN(scope, "connection", d.ConnectionARN)
	if !ok {
		return registry.InvalidARN(d.ConnectionARN)
	}
	if _, err := s.allowConnection(ctx, c, action, name); err != nil {
		return err
	}
	endpoint, err := event.ParseEndpoint(d.Endpoint)
	if err != nil {
		return registry.EndpointInvalid("InvocationEndpoint", err)
	}
	_, x, err := s.connectionByARN(ctx, scope, d.ConnectionARN)
	if err == nil && endpoint.NATS() && x.Kind == event.OAuthAuthorization {
		err = registry.EndpointInvalid("ConnectionArn", errors.New("NATS takes a connection of BASIC or API_KEY"))
	}
	return err
}

// connectionByARN answers the record of a connection. Errors: ResourceNotFound.
func (s *Service) connectionByARN(ctx context.Context, scope registry.Scope, arn string) (meta.Record, *storedConnection, error) {
	name, id, _ := cutEventsARN(scope, "connection", arn)
	record, err := s.Store.Record(ctx, scope.Account, meta.ConnectionRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.ConnectionUnknown(name)
	}
	if err != nil {
		return meta.Record{}, nil, err
	}
	x, err := connectionOf(record)
	if err == nil && x.ID != id { // a namesake that was created later
		err = registry.ConnectionUnknown(name)
	}
	return record, x, err
}

// described completes a destination as it is told.
func (s *Service) described(ctx context.Context, scope registry.Scope, d event.Destination) (APIDestination, error) {
	out := APIDestination{Destination: d, ARN: destinationARN(scope, d.Name, d.ID)}
	_, x, err := s.connectionByARN(ctx, scope, d.ConnectionARN)
	if registry.CodeOf(err) == registry.CodeResourceNotFound {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Active = x.State == ConnectionAuthorized
	return out, nil
}

// destinationOf reads the record of a destination.
func destinationOf(r meta.Record) (event.Destination, error) {
	var d event.Destination
	err := decodeRecord(r, &d)
	return d, err
}

// APIDestinationNamed describes an API destination. Errors: ResourceNotFound.
func (s *Service) APIDestinationNamed(ctx context.Context, c Caller, name string) (APIDestination, error) {
	scope, err := s.allowDestination(ctx, c, "DescribeApiDestination", name)
	if err != nil {
		return APIDestination{}, err
	}
	record, err := s.Store.Record(ctx, scope.Account, meta.DestinationRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.DestinationNotFound("describe", name)
	}
	if err != nil {
		return APIDestination{}, err
	}
	d, err := destinationOf(record)
	if err != nil {
		return APIDestination{}, err
	}
	return s.described(ctx, scope, d)
}

// DestinationQuery selects API destinations.
type DestinationQuery struct {
	Prefix     string
	Connection string // ARN; empty: any
	After      string // exclusive
	Limit      int
}

// ListAPIDestinations answers a page of API destinations in order of their names.
func (s *Service) ListAPIDestinations(ctx context.Context, c Caller, q DestinationQuery) ([]APIDestination, error) {
	scope, err := s.allowDestination(ctx, c, "ListApiDestinations", "*")
	if err != nil {
		return nil, err
	}
	var out []APIDestination
	err = s.eachRecord(ctx, scope.Account, meta.DestinationRecord, q.Prefix, q.After, func(r meta.Record) (bool, error) {
		d, err := destinationOf(r)
		if err != nil || q.Connection != "" && q.Connection != d.ConnectionARN {
			return true, err
		}
		one, err := s.described(ctx, scope, d)
		out = append(out, one)
		return len(out) < q.Limit, err
	})
	return out, err
}

// DestinationChange is a change of an API destination; what is nil stays.
type DestinationChange struct {
	Description, Connection, Endpoint, Method *string
	Rate                                      *int
}

// UpdateAPIDestination changes an API destination.
// Errors: ResourceNotFound, Validation, ConcurrentModification.
func (s *Service) UpdateAPIDestination(ctx context.Context, c Caller, name string, in DestinationChange) (APIDestination, error) {
	const action = "UpdateApiDestination"
	scope, err := s.allowDestination(ctx, c, action, name)
	if err != nil {
		return APIDestination{}, err
	}
	before, err := s.Store.Record(ctx, scope.Account, meta.DestinationRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.DestinationNotFound("update", name)
	}
	if err != nil {
		return APIDestination{}, err
	}
	d, err := destinationOf(before)
	if err != nil {
		return APIDestination{}, err
	}
	in.apply(&d)
	if in.Connection != nil || in.Endpoint != nil {
		if err := s.checkDestination(ctx, c, scope, action, &d); err != nil {
			return APIDestination{}, err
		}
	}
	d.ModifiedAt = s.Now()
	_, err = s.Store.UpdateRecord(ctx, scope.Account, meta.DestinationRecord, name, d.ModifiedAt, func(r *meta.Record) error {
		if !bytes.Equal(r.Body, before.Body) { // what was checked is not what would be there
			return registry.DestinationContended(name)
		}
		r.Body = marshalRecord(d)
		return nil
	})
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.DestinationNotFound("update", name)
	}
	if err != nil {
		return APIDestination{}, err
	}
	return s.described(ctx, scope, d)
}

func (in *DestinationChange) apply(d *event.Destination) {
	replace(&d.Description, in.Description)
	replace(&d.ConnectionARN, in.Connection)
	replace(&d.Endpoint, in.Endpoint)
	replace(&d.Method, in.Method)
	replace(&d.Rate, in.Rate)
}

// DeleteAPIDestination removes an API destination. What rules still send to it
// is given up. Errors: ResourceNotFound.
func (s *Service) DeleteAPIDestination(ctx context.Context, c Caller, name string) error {
	scope, err := s.allowDestination(ctx, c, "DeleteApiDestination", name)
	if err != nil {
		return err
	}
	_, err = s.Store.DeleteRecord(ctx, scope.Account, meta.DestinationRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.DestinationNotFound("delete", name)
	}
	return err
}

// Destinations are kept opened, because each delivery asks for one. Where other
// processes write too, one may be a moment old.
const (
	openedDestinations = 4096
	openedFor          = time.Second
)

// openedDestination is a destination with what it was made of.
type openedDestination struct {
	destination, connection, secret meta.Record

	found    event.Destination
	auth     event.Authorization
	revision string
	checked  time.Time
}

type openedKey struct{ account, arn string }

func newOpenedDestinations() *lru.Cache[openedKey, *openedDestination] {
	// It fails for a size below one only.
	cache, err := lru.New[openedKey, *openedDestination](openedDestinations)
	if err != nil {
		panic(err)
	}
	return cache
}

// EventDestination answers an API destination with what its connection proves
// itself with, secrets included, and a revision that changes when either does.
// It asks nobody for permission: it is for what delivers events.
// Errors: ResourceNotFound, InvalidState.
func (s *Service) EventDestination(ctx context.Context, account, arn string) (event.Destination, event.Authorization, string, error) {
	key := openedKey{account, arn}
	known, ok := s.opened.Get(key)
	if ok && !s.Alone && s.Now().Sub(known.checked).Abs() < openedFor {
		return known.found, known.auth, known.revision, nil
	}
	if ok && s.isAsOpened(ctx, known) {
		if !s.Alone {
			again := *known
			again.checked = s.Now()
			s.opened.Add(key, &again)
		}
		return known.found, known.auth, known.revision, nil
	}
	found, err := s.openDestination(ctx, registry.Scope{Account: account, Region: s.Default.Region}, arn)
	if err != nil {
		s.opened.Remove(key)
		return event.Destination{}, event.Authorization{}, "", err
	}
	s.opened.Add(key, found)
	return found.found, found.auth, found.revision, nil
}

// isAsOpened says whether the records that a destination was made of are still
// the same.
func (s *Service) isAsOpened(ctx context.Context, known *openedDestination) bool {
	for _, was := range []*meta.Record{&known.destination, &known.connection, &known.secret} {
		is, err := s.Store.Record(ctx, was.Account, was.Kind, was.Name)
		if err != nil || !bytes.Equal(is.Body, was.Body) {
			return false
		}
	}
	return true
}

// openDestination makes a destination of its three records.
func (s *Service) openDestination(ctx context.Context, scope registry.Scope, arn string) (*openedDestination, error) {
	name, id, ok := cutEventsARN(scope, "api-destination", arn)
	if !ok {
		return nil, registry.EventDestinationNotFound(arn)
	}
	record, err := s.Store.Record(ctx, scope.Account, meta.DestinationRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.EventDestinationNotFound(name)
	}
	if err != nil {
		return nil, err
	}
	found, err := destinationOf(record)
	if err == nil && found.ID != id {
		err = registry.EventDestinationNotFound(name)
	}
	if err != nil {
		return nil, err
	}
	connection, x, err := s.connectionByARN(ctx, scope, found.ConnectionARN)
	if err != nil {
		return nil, err
	}
	var secret meta.Record
	if x.Secret != "" {
		secret, err = s.Store.Record(ctx, scope.Account, meta.SecretRecord, x.Secret)
		if err != nil && !errors.Is(err, meta.ErrNoRecord) {
			return nil, err
		}
	}
	name, _, _ = cutEventsARN(scope, "connection", found.ConnectionARN)
	auth, version, err := s.authorizationOf(ctx, scope, name, x)
	if err != nil {
		return nil, err
	}
	return &openedDestination{
		destination: record, connection: connection, secret: secret,
		found: found, auth: auth, revision: revisionOf(record.Body, connection.Body, []byte(version)), checked: s.Now(),
	}, nil
}

// revisionOf is the same for the same parts alone.
func revisionOf(parts ...[]byte) string {
	all := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256(part)
		all.Write(sum[:])
	}
	return hex.EncodeToString(all.Sum(nil)[:16])
}
