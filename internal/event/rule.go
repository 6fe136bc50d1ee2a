package event

import "time"

// DefaultBus is the name of the one event bus that there is.
const DefaultBus = "default"

// Rule says which events go to which targets.
type Rule struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Pattern     string            `json:"pattern"` // an event pattern, checked when it was stored
	Disabled    bool              `json:"disabled,omitempty"`
	RoleARN     string            `json:"roleArn,omitempty"`
	CreatedBy   string            `json:"createdBy,omitempty"` // an account
	Targets     []Target          `json:"targets,omitempty"`   // in order of ID
	Tags        map[string]string `json:"tags,omitempty"`
}

// Target is where a rule sends events, and in what form.
type Target struct {
	// UID is made when a target is added and stays while it is changed; what
	// waits to be delivered waits for it.
	UID string `json:"uid"`
	ID  string `json:"id"` // unique within its rule
	ARN string `json:"arn"`

	RoleARN string `json:"roleArn,omitempty"`
	// At most one of Input, InputPath and Transformer is set; without any the
	// event is sent as it is.
	Input       string       `json:"input,omitempty"` // a JSON text
	InputPath   string       `json:"inputPath,omitempty"`
	Transformer *Transformer `json:"transformer,omitempty"`

	HTTP           *HTTPParameters `json:"http,omitempty"`
	MessageGroupID string          `json:"messageGroupId,omitempty"` // of FIFO queues
	Retry          *RetryPolicy    `json:"retry,omitempty"`
	DeadLetterARN  string          `json:"deadLetterArn,omitempty"`
}

// Transformer makes the input of a target out of parts of an event.
type Transformer struct {
	Paths    map[string]string `json:"paths,omitempty"` // JSON path by variable
	Template string            `json:"template"`
}

// HTTPParameters are added to the requests to an API destination. Values may
// hold JSON paths ($.detail…), which the event fills in.
type HTTPParameters struct {
	PathValues []string          `json:"pathValues,omitempty"` // of the * in the endpoint
	Header     map[string]string `json:"header,omitempty"`
	Query      map[string]string `json:"query,omitempty"`
}

// What is retried for how long if a target says nothing.
const (
	DefaultMaxAge      = 24 * time.Hour
	DefaultMaxAttempts = 185
)

// RetryPolicy bounds how long an event is tried.
type RetryPolicy struct {
	MaxAge time.Duration `json:"maxAge"` // 60 s to 24 h
	// MaxAttempts counts retries, not the first attempt: 0 to 185.
	MaxAttempts int `json:"maxAttempts"`
}

// Destination is an API destination: an endpoint and how to use it.
type Destination struct {
	Name          string    `json:"name"`
	ID            string    `json:"id"` // the last part of its ARN
	Description   string    `json:"description,omitempty"`
	ConnectionARN string    `json:"connectionArn"`
	Endpoint      string    `json:"endpoint"`       // http, https, nats or tls URL; may hold * for path values
	Method        string    `json:"method"`         // POST, GET, …
	Rate          int       `json:"rate,omitempty"` // requests a second; 0: no limit
	CreatedAt     time.Time `json:"createdAt"`
	ModifiedAt    time.Time `json:"modifiedAt"`
}

// AuthorizationKind is how a connection proves who it is.
type AuthorizationKind string

// The kinds of authorisation, in the words of the API.
const (
	BasicAuthorization  AuthorizationKind = "BASIC"
	APIKeyAuthorization AuthorizationKind = "API_KEY"
	OAuthAuthorization  AuthorizationKind = "OAUTH_CLIENT_CREDENTIALS"
)

// Authorization is what a connection proves itself with, secrets included: it
// is never stored as it is, and never told.
type Authorization struct {
	Kind AuthorizationKind `json:"kind"`
	// Name and Secret are the user name and password of BASIC, the header and
	// its value of API_KEY, the client id and secret of OAuth.
	Name   string `json:"name"`
	Secret string `json:"secret"`
	// Endpoint, Method and Token are of OAuth alone.
	Endpoint string     `json:"endpoint,omitempty"`
	Method   string     `json:"method,omitempty"`
	Token    Parameters `json:"token,omitzero"` // added to the request for a token
	// Invocation is added to every request.
	Invocation Parameters `json:"invocation,omitzero"`
}

// Parameters are added to an HTTP request.
type Parameters struct {
	Header []Parameter `json:"header,omitempty"`
	Query  []Parameter `json:"query,omitempty"`
	Body   []Parameter `json:"body,omitempty"`
}

// Parameter is one of them.
type Parameter struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"` // not told by reads
}
