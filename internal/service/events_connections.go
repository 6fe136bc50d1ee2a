package service

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// ConnectionState says whether a connection has credentials.
type ConnectionState string

// The states of connections.
const (
	ConnectionAuthorized   ConnectionState = "AUTHORIZED"
	ConnectionDeauthorized ConnectionState = "DEAUTHORIZED"
)

// Limits of connections and API destinations, EventBridge's.
const (
	maxConnections  = 3000
	maxDestinations = 3000
)

// connectionOwner is the service that the secrets of connections belong to.
const connectionOwner = "events"

// Connection is a way to prove oneself to an endpoint, as it is described: its
// authorisation without what is secret.
type Connection struct {
	Name          string
	ARN           string
	Description   string
	KMSKey        string
	State         ConnectionState
	SecretARN     string
	Kind          event.AuthorizationKind
	Authorization event.Authorization
	CreatedAt     time.Time
	ModifiedAt    time.Time
	AuthorizedAt  time.Time
}

// storedConnection is the record of a connection. What it proves itself with is
// in its secret alone, what is public of it too.
type storedConnection struct {
	ID           string                  `json:"id"` // the last part of its ARN
	Description  string                  `json:"description,omitempty"`
	KMSKey       string                  `json:"kmsKey,omitempty"`
	State        ConnectionState         `json:"state"`
	Kind         event.AuthorizationKind `json:"kind"`
	Secret       string                  `json:"secret,omitempty"` // its name; empty without credentials
	SecretARN    string                  `json:"secretArn,omitempty"`
	CreatedAt    time.Time               `json:"createdAt"`
	ModifiedAt   time.Time               `json:"modifiedAt"`
	AuthorizedAt time.Time               `json:"authorizedAt,omitzero"`
}

func connectionARN(scope registry.Scope, name, id string) string {
	return eventsARN(scope, "connection", name, id)
}

// eventsARN names a resource of EventBridge; without an id it stands for all
// that had and will have the name, as policies write it.
func eventsARN(scope registry.Scope, kind, name, id string) string {
	arn := "arn:aws:events:" + scope.Region + ":" + scope.Account + ":" + kind + "/" + name
	if id != "" {
		arn += "/" + id
	}
	return arn
}

// cutEventsARN reads the name and id of a resource of a scope.
func cutEventsARN(scope registry.Scope, kind, arn string) (name, id string, ok bool) {
	rest, ok := strings.CutPrefix(arn, eventsARN(scope, kind, "", ""))
	if !ok {
		return "", "", false
	}
	name, id, ok = strings.Cut(rest, "/")
	return name, id, ok && name != "" && id != ""
}

// NewConnection is a connection to be made.
type NewConnection struct {
	Name          string
	Description   string
	KMSKey        string
	Authorization event.Authorization
}

// CreateConnection makes a connection.
// Errors: Validation, ResourceAlreadyExists, LimitExceeded.
func (s *Service) CreateConnection(ctx context.Context, c Caller, in NewConnection) (Connection, error) {
	scope, err := s.allowConnection(ctx, c, "CreateConnection", in.Name)
	if err != nil {
		return Connection{}, err
	}
	body, err := encodeAuthorization(in.Authorization)
	if err != nil {
		return Connection{}, err
	}
	if _, err := s.Store.Record(ctx, scope.Account, meta.ConnectionRecord, in.Name); err == nil {
		return Connection{}, registry.ConnectionExists(in.Name)
	} else if !errors.Is(err, meta.ErrNoRecord) {
		return Connection{}, err
	}
	now := s.Now()
	stored := &storedConnection{
		ID: uuid.NewString(), Description: in.Description, KMSKey: in.KMSKey, Kind: in.Authorization.Kind, CreatedAt: now, ModifiedAt: now,
	}
	if err := s.giveSecret(ctx, scope, in.Name, stored, body); err != nil {
		return Connection{}, err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.ConnectionRecord, Name: in.Name, Body: marshalRecord(stored), CreatedAt: now}
	err = s.Store.CreateRecord(ctx, record, maxConnections)
	if err != nil {
		err = errors.Join(err, s.dropSecret(ctx, scope, stored.Secret))
	}
	switch {
	case errors.Is(err, meta.ErrExists):
		return Connection{}, registry.ConnectionExists(in.Name)
	case errors.Is(err, meta.ErrFull):
		return Connection{}, registry.TooManyOfEvents()
	case err != nil:
		return Connection{}, err
	}
	return stored.describe(scope, in.Name, in.Authorization), nil
}

func (s *Service) allowConnection(ctx context.Context, c Caller, action, name string) (registry.Scope, error) {
	return s.allowResource(ctx, c, "events:"+action, connectionARN(s.registryOf(c), name, ""))
}

// giveSecret makes a secret for what a connection proves itself with.
func (s *Service) giveSecret(ctx context.Context, scope registry.Scope, name string, to *storedConnection, body []byte) error {
	secret, _, err := s.makeSecret(ctx, scope, connectionOwner, NewSecret{
		Name: managedPrefix + "connection/" + name + "/" + uuid.NewString(), Token: uuid.NewString(), KMSKey: to.KMSKey,
		Value: &SecretValue{Data: body}, Description: "Managed by EventBridge for the connection " + name + ".",
	})
	if err != nil {
		return err
	}
	to.Secret, to.SecretARN, to.State, to.AuthorizedAt = secret.Name, secret.ARN, ConnectionAuthorized, s.Now()
	return nil
}

// dropSecret removes the secret of a connection, if it has one.
func (s *Service) dropSecret(ctx context.Context, scope registry.Scope, name string) error {
	if name == "" {
		return nil
	}
	found, err := s.lookSecret(ctx, scope, secretRef{names: []secretName{{name: name}}})
	if err != nil || found == nil {
		return err
	}
	_, err = s.removeSecret(ctx, found)
	return err
}

func (x *storedConnection) describe(scope registry.Scope, name string, auth event.Authorization) Connection {
	return Connection{
		Name: name, ARN: connectionARN(scope, name, x.ID), Description: x.Description, KMSKey: x.KMSKey, State: x.State, SecretARN: x.SecretARN,
		Kind: x.Kind, Authorization: publicPart(auth), CreatedAt: x.CreatedAt, ModifiedAt: x.ModifiedAt, AuthorizedAt: x.AuthorizedAt,
	}
}

// publicPart is an authorisation without what is secret.
func publicPart(a event.Authorization) event.Authorization {
	a.Secret = ""
	a.Token, a.Invocation = publicParameters(a.Token), publicParameters(a.Invocation)
	return a
}

func publicParameters(p event.Parameters) event.Parameters {
	public := func(all []event.Parameter) []event.Parameter {
		var out []event.Parameter
		for _, one := range all {
			if one.Secret {
				one.Value = ""
			}
			out = append(out, one)
		}
		return out
	}
	return event.Parameters{Header: public(p.Header), Query: public(p.Query), Body: public(p.Body)}
}

// connectionOf reads the record of a connection.
func connectionOf(r meta.Record) (*storedConnection, error) {
	x := &storedConnection{}
	return x, decodeRecord(r, x)
}

// authorizationOf opens what a connection proves itself with, and answers the
// version of its secret. Errors: InvalidState.
func (s *Service) authorizationOf(ctx context.Context, scope registry.Scope, name string, x *storedConnection) (event.Authorization, string, error) {
	if x.Secret == "" {
		return event.Authorization{}, "", registry.ConnectionUnauthorized(name)
	}
	found, err := s.lookSecret(ctx, scope, secretRef{names: []secretName{{name: x.Secret}}})
	if err != nil {
		return event.Authorization{}, "", err
	}
	if found == nil || found.Owner != connectionOwner {
		return event.Authorization{}, "", registry.ConnectionUnauthorized(name)
	}
	v, err := found.pick("", "")
	if err != nil {
		return event.Authorization{}, "", registry.Internal("opening the secret of a connection", err)
	}
	a, err := decodeAuthorization(v.Data)
	return a, v.ID, err
}

// ConnectionNamed describes a connection. Errors: ResourceNotFound.
func (s *Service) ConnectionNamed(ctx context.Context, c Caller, name string) (Connection, error) {
	scope, err := s.allowConnection(ctx, c, "DescribeConnection", name)
	if err != nil {
		return Connection{}, err
	}
	record, err := s.Store.Record(ctx, scope.Account, meta.ConnectionRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.ConnectionNotFound("describe", name)
	}
	if err != nil {
		return Connection{}, err
	}
	x, err := connectionOf(record)
	if err != nil {
		return Connection{}, err
	}
	a, _, err := s.authorizationOf(ctx, scope, name, x)
	if err != nil && registry.CodeOf(err) != registry.CodeInvalidState {
		return Connection{}, err
	}
	return x.describe(scope, name, a), nil
}

// ConnectionQuery selects connections.
type ConnectionQuery struct {
	Prefix string
	State  ConnectionState // empty: any
	After  string          // exclusive
	Limit  int
}

// ListConnections answers a page of connections in order of their names,
// without their authorisations.
func (s *Service) ListConnections(ctx context.Context, c Caller, q ConnectionQuery) ([]Connection, error) {
	scope, err := s.allowConnection(ctx, c, "ListConnections", "*")
	if err != nil {
		return nil, err
	}
	var out []Connection
	err = s.eachRecord(ctx, scope.Account, meta.ConnectionRecord, q.Prefix, q.After, func(r meta.Record) (bool, error) {
		x, err := connectionOf(r)
		if err == nil && (q.State == "" || q.State == x.State) {
			out = append(out, x.describe(scope, r.Name, event.Authorization{}))
		}
		return len(out) < q.Limit, err
	})
	return out, err
}

// eachRecord calls visit with the records whose names have a prefix, after a
// name, until it answers false.
func (s *Service) eachRecord(ctx context.Context, account string, kind meta.RecordKind, prefix, after string, visit func(meta.Record) (bool, error)) error {
	if prefix > after {
		record, err := s.Store.Record(ctx, account, kind, prefix)
		if err == nil {
			if more, err := visit(record); err != nil || !more {
				return err
			}
		} else if !errors.Is(err, meta.ErrNoRecord) {
			return err
		}
		after = prefix
	}
	for {
		records, err := s.Store.ListRecords(ctx, account, kind, after, sweepBatch)
		if err != nil || len(records) == 0 {
			return err
		}
		for _, r := range records {
			after = r.Name
			if !strings.HasPrefix(r.Name, prefix) {
				return nil
			}
			if more, err := visit(r); err != nil || !more {
				return err
			}
		}
	}
}

// ConnectionChange is a change of a connection; what is nil stays.
type ConnectionChange struct {
	Description   *string
	KMSKey        *string
	Authorization *AuthorizationChange
}

// UpdateConnection changes a connection. Secrets that are not given stay.
// Errors: ResourceNotFound, Validation, ConcurrentModification.
func (s *Service) UpdateConnection(ctx context.Context, c Caller, name string, in ConnectionChange) (Connection, error) {
	scope, err := s.allowConnection(ctx, c, "UpdateConnection", name)
	if err != nil {
		return Connection{}, err
	}
	before, err := s.connectionToChange(ctx, scope, name, "update")
	if err != nil {
		return Connection{}, err
	}
	fresh, kind, err := s.reauthorize(ctx, scope, name, before, in.Authorization)
	if err != nil {
		return Connection{}, err
	}
	return s.changeConnection(ctx, scope, name, "update", func(x *storedConnection) error {
		if x.ID != before.ID || x.Secret != before.Secret {
			return registry.ConnectionContended(name)
		}
		replace(&x.Description, in.Description)
		replace(&x.KMSKey, in.KMSKey)
		if fresh != nil {
			x.Secret, x.SecretARN, x.State = fresh.Secret, fresh.SecretARN, fresh.State
		}
		if kind != "" {
			x.Kind, x.AuthorizedAt = kind, s.Now()
		}
		return nil
	}, fresh)
}

// reauthorize changes what a connection proves itself with. One that had nothing
// gets a secret, which fresh names. The kind is empty when nothing is changed.
func (s *Service) reauthorize(ctx context.Context, scope registry.Scope, name string, x *storedConnection, change *AuthorizationChange) (fresh *storedConnection, kind event.AuthorizationKind, err error) {
	if change == nil {
		return nil, "", nil
	}
	if x.Secret == "" {
		return s.authorizeAnew(ctx, scope, name, x, change)
	}
	found, err := s.lookSecret(ctx, scope, secretRef{names: []secretName{{name: x.Secret}}})
	if err == nil && found == nil {
		err = registry.ConnectionContended(name)
	}
	if err != nil {
		return nil, "", err
	}
	token := uuid.NewString()
	_, err = s.changeSecret(ctx, found, func(stored *storedSecret) error {
		v, err := stored.pick("", "")
		if err != nil {
			return err
		}
		before, err := decodeAuthorization(v.Data)
		if err != nil {
			return err
		}
		after, err := change.apply(before)
		if err != nil {
			return err
		}
		body, err := encodeAuthorization(after)
		if err != nil {
			return err
		}
		kind = after.Kind
		_, err = stored.put(token, SecretValue{Data: body}, nil, found.arn(), s.Now())
		return err
	})
	return nil, kind, err
}

func (s *Service) authorizeAnew(ctx context.Context, scope registry.Scope, name string, x *storedConnection, change *AuthorizationChange) (*storedConnection, event.AuthorizationKind, error) {
	after, err := change.apply(event.Authorization{Kind: x.Kind})
	if err != nil {
		return nil, "", err
	}
	body, err := encodeAuthorization(after)
	if err != nil {
		return nil, "", err
	}
	fresh := &storedConnection{KMSKey: x.KMSKey}
	return fresh, after.Kind, s.giveSecret(ctx, scope, name, fresh, body)
}

// connectionToChange answers the record of a connection that is to be changed.
func (s *Service) connectionToChange(ctx context.Context, scope registry.Scope, name, tried string) (*storedConnection, error) {
	record, err := s.Store.Record(ctx, scope.Account, meta.ConnectionRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return nil, registry.ConnectionNotFound(tried, name)
	}
	if err != nil {
		return nil, err
	}
	return connectionOf(record)
}

// changeConnection changes the record of a connection. If it fails, a secret
// that was made for it goes again.
func (s *Service) changeConnection(ctx context.Context, scope registry.Scope, name, tried string, change func(*storedConnection) error, fresh *storedConnection) (Connection, error) {
	now := s.Now()
	var changed *storedConnection
	_, err := s.Store.UpdateRecord(ctx, scope.Account, meta.ConnectionRecord, name, now, func(r *meta.Record) error {
		x, err := connectionOf(*r)
		if err != nil {
			return err
		}
		if err := change(x); err != nil {
			return err
		}
		x.ModifiedAt = now
		changed, r.Body = x, marshalRecord(x)
		return nil
	})
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.ConnectionNotFound(tried, name)
	}
	if err != nil {
		if fresh != nil {
			err = cmpOrJoin(err, s.dropSecret(ctx, scope, fresh.Secret))
		}
		return Connection{}, err
	}
	return changed.describe(scope, name, event.Authorization{}), nil
}

// cmpOrJoin is first alone unless something else went wrong, too: a client is
// told of one failure.
func cmpOrJoin(first, second error) error {
	if second == nil {
		return first
	}
	return errors.Join(first, second)
}

// DeauthorizeConnection removes what a connection proves itself with. What is
// sent by it waits until it has something again.
// Errors: ResourceNotFound.
func (s *Service) DeauthorizeConnection(ctx context.Context, c Caller, name string) (Connection, error) {
	scope, err := s.allowConnection(ctx, c, "DeauthorizeConnection", name)
	if err != nil {
		return Connection{}, err
	}
	secret := ""
	out, err := s.changeConnection(ctx, scope, name, "deauthorize", func(x *storedConnection) error {
		secret = x.Secret
		x.Secret, x.SecretARN, x.State = "", "", ConnectionDeauthorized
		return nil
	}, nil)
	if err != nil {
		return Connection{}, err
	}
	return out, s.dropSecret(ctx, scope, secret)
}

// DeleteConnection removes a connection with its secret. Destinations that use it
// stay, and nothing is sent to them.
// Errors: ResourceNotFound.
func (s *Service) DeleteConnection(ctx context.Context, c Caller, name string) (Connection, error) {
	scope, err := s.allowConnection(ctx, c, "DeleteConnection", name)
	if err != nil {
		return Connection{}, err
	}
	record, err := s.Store.DeleteRecord(ctx, scope.Account, meta.ConnectionRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.ConnectionNotFound("delete", name)
	}
	if err != nil {
		return Connection{}, err
	}
	x, err := connectionOf(record)
	if err != nil {
		return Connection{}, err
	}
	return x.describe(scope, name, event.Authorization{}), s.dropSecret(ctx, scope, x.Secret)
}

// isOrphan says whether a managed secret is of no connection: a crash has left
// it, between the record of one and that of the other.
func (s *Service) isOrphan(ctx context.Context, found *foundSecret) (bool, error) {
	if found.Owner != connectionOwner || s.Now().Sub(found.ChangedAt) < abandonedRemoval {
		return false, nil
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(found.Name, managedPrefix+"connection/"), "/")
	record, err := s.Store.Record(ctx, found.scope.Account, meta.ConnectionRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	x, err := connectionOf(record)
	return err == nil && x.Secret != found.Name, err
}
