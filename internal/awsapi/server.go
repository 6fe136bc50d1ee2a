package awsapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// contentType is that of every JSON answer.
const contentType = "application/x-amz-json-1.1"

// Config is what a Server is made of.
type Config struct {
	Services []Service
	Query    QueryService // may be nil
	Verifier *sigv4.Verifier
	Logger   *slog.Logger // nil discards
	// RequestID names a request; nil means the name that it has in the log
	// (package reqlog), or a new one.
	RequestID func(*http.Request) string
	// Observe, when set, is told of every finished call; fault is nil when it
	// went well. It is for metrics and audit and must not block.
	Observe func(ctx context.Context, c Call, fault *Fault, took time.Duration)
	// BodyBudget is how many bytes of large bodies may be in memory at once;
	// zero means DefaultBodyBudget.
	BodyBudget int64
}

// Server answers the AWS APIs on "/". It is an http.Handler.
type Server struct {
	Config
	byTarget map[string]*prepared
	rest     endpoints
	services []*prepared
	bodies   *bodies
	buffers  sync.Pool // *[]byte, for answers
}

// New makes a Server. It fails when a table of operations cannot work.
func New(c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.RequestID == nil {
		c.RequestID = func(r *http.Request) string {
			return cmp.Or(reqlog.RequestID(r.Context()), newRequestID())
		}
	}
	if c.BodyBudget == 0 {
		c.BodyBudget = DefaultBodyBudget
	}
	s := &Server{Config: c, byTarget: map[string]*prepared{}, bodies: newBodies(c.BodyBudget)}
	for _, service := range c.Services {
		p, err := prepare(service)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", service.Target, err)
		}
		if p.Routes != nil {
			if err := s.rest.add(p); err != nil {
				return nil, fmt.Errorf("%s: %w", service.SigningName, err)
			}
			s.services = append(s.services, p)
			continue
		}
		if s.byTarget[p.Target] != nil {
			return nil, fmt.Errorf("%s: there twice", p.Target)
		}
		s.byTarget[p.Target] = p
		s.services = append(s.services, p)
	}
	return s, nil
}

// Operations names all that is served, as "ecr:CreateRepository", so that a test
// can walk it.
func (s *Server) Operations() []string {
	var all []string
	for _, p := range s.services {
		for name := range p.byOp {
			all = append(all, p.SigningName+":"+name)
		}
	}
	if s.Query != nil {
		for _, action := range s.Query.Actions() {
			all = append(all, s.Query.SigningName()+":"+action)
		}
	}
	slices.Sort(all)
	return all
}

// newRequestID is a random UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	from := origin.Of(r)
	call := Call{
		RequestID: s.RequestID(r), Scheme: scheme(r, from), Host: r.Host,
		Secure: from.Secure, SourceIP: from.IP, UserAgent: r.UserAgent(),
	}
	w.Header().Set("X-Amzn-Requestid", call.RequestID)
	if found := s.rest.at(r.URL.Path); len(found) > 0 {
		fault := s.serveREST(w, r, found, &call)
		s.finished(r.Context(), call, fault, began)
		return
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" && s.Query != nil && IsQuery(r) {
		fault := s.serveQuery(w, r, &call)
		s.finished(r.Context(), call, fault, began)
		return
	}
	fault := s.serveJSON(w, r, target, &call)
	if fault != nil {
		s.writeFault(w, fault)
	}
	s.finished(r.Context(), call, fault, began)
}

func scheme(r *http.Request, from origin.Origin) string {
	// A proxy that ends TLS says so. Whoever it is, believing it changes only
	// the URLs in the answer to this very request; policies ask Secure.
	if p := r.Header.Get("X-Forwarded-Proto"); p == "https" || p == "http" {
		return p
	}
	if from.Secure {
		return "https"
	}
	return "http"
}

func (s *Server) finished(ctx context.Context, c Call, f *Fault, began time.Time) {
	took := time.Since(began)
	reqlog.Annotate(ctx, c.Principal.ARN, c.Operation)
	if !c.Principal.Anonymous() { // else the use case may know better
		reqlog.Identify(ctx, identityOf(c.Principal))
	}
	if f != nil {
		reqlog.Fail(ctx, f.Code, f.Message)
		level := slog.LevelDebug
		if f.Status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.Logger.Log(ctx, level, "api call refused", "request", c.RequestID, "service", c.Service, "operation", c.Operation,
			"principal", c.Principal.ARN, "code", f.Code, "message", f.Message, "cause", f.Cause, "took", took)
	}
	if s.Observe != nil {
		s.Observe(ctx, c, f, took)
	}
}

// serveJSON writes the answer when all goes well and answers the fault otherwise.
func (s *Server) serveJSON(w http.ResponseWriter, r *http.Request, target string, call *Call) *Fault {
	prefix, name, _ := strings.Cut(target, ".")
	p := s.byTarget[prefix]
	if p == nil || r.Method != http.MethodPost {
		if r.Header.Get("Authorization") == "" {
			return signatureFault(&sigv4.Error{Kind: sigv4.Missing, Message: "Missing Authentication Token"})
		}
		return Refuse("UnknownOperationException", "")
	}
	return s.serve(w, r, p, name, nil, call)
}

// serve answers an operation of a service, or why not. What of the input is not in
// the body is bound to it, if anything is.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, p *prepared, name string, bind func(in any) *Fault, call *Call) *Fault {
	call.Service = p.SigningName
	op, unserved := p.find(name)
	limit := int64(DefaultLimit)
	if op != nil {
		limit = op.limit
	}
	body, release, fault := s.authenticate(r, p.SigningName, name, limit, call)
	defer release()
	if fault != nil {
		return fault
	}
	// Only who has signed learns which operations there are.
	if unserved != nil {
		return unserved
	}
	call.Operation = op.name
	told := new(notice)
	ctx := context.WithValue(WithCall(r.Context(), *call), noticeKey{}, told)
	out, fault := s.perform(ctx, p, op, body, bind)
	if told.text != "" { // a refusal may have one, too
		told.write(w.Header())
		s.Logger.WarnContext(ctx, "an answer carries a notice", "operation", call.Operation, "notice", told.text)
	}
	if fault != nil {
		return fault
	}
	return s.writeOutput(w, p, out)
}

// authenticate reads the body and proves who sent it. The release function is
// never nil.
func (s *Server) authenticate(r *http.Request, service, operation string, limit int64, call *Call) ([]byte, func(), *Fault) {
	pending, err := s.Verifier.Begin(r, service)
	if err != nil {
		return nil, func() {}, signatureFault(err)
	}
	body, hash, release, err := s.bodies.read(r, limit)
	if err != nil {
		return nil, release, bodyFault(err, operation, limit)
	}
	principal, err := pending.Finish(hash)
	if err != nil {
		return nil, release, signatureFault(err)
	}
	call.Principal, call.Region = principal, pending.Region()
	return body, release, nil
}

func bodyFault(err error, operation string, limit int64) *Fault {
	if errors.Is(err, errTooLarge) {
		f := Refuse("RequestEntityTooLargeException", "Request must be smaller than %d bytes for the %s operation", limit+1, operation)
		f.Status = http.StatusRequestEntityTooLarge
		return f
	}
	// The client broke off, so nobody reads this answer; ours is no failure.
	f := Refuse("SerializationException", "The request body ended before its end.")
	f.Cause = err
	return f
}

// perform decodes, checks and calls. A handler that panics is a failure of
// ours like any other.
func (s *Server) perform(ctx context.Context, p *prepared, op *Operation, body []byte, bind func(in any) *Fault) (out any, fault *Fault) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		out, fault = nil, Internal(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	}()
	in, call := op.begin()
	if err := p.codec.Decode(body, in); err != nil {
		var we *wire.Error
		if errors.As(err, &we) {
			return nil, Refuse("SerializationException", "%s", we.Message)
		}
		return nil, Internal(err)
	}
	if bind != nil {
		if fault := bind(in); fault != nil {
			return nil, fault
		}
	}
	reqlog.Ask(ctx, p.SigningName, CallFrom(ctx).Region, func(to []byte) []byte { return append(to, parameters(p.codec, op.hidden, in)...) })
	if found := p.rules.Check(in); len(found) > 0 {
		return nil, p.Violated(found)
	}
	out, err := call(ctx)
	if err != nil {
		return nil, s.fault(p, err)
	}
	return out, nil
}

func (s *Server) fault(p *prepared, err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return p.Fault(err)
}

func (s *Server) writeOutput(w http.ResponseWriter, p *prepared, out any) *Fault {
	buf, ok := s.buffers.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer s.buffers.Put(buf)
	answer, err := p.codec.Append((*buf)[:0], out)
	if err != nil {
		return Internal(err)
	}
	// One huge answer must not keep its buffer for ever.
	if cap(answer) <= 1<<20 {
		*buf = answer
	}
	w.Header().Set("Content-Type", p.contentType())
	_, _ = w.Write(answer) // a client that went away needs no answer
	return nil
}

func (s *Server) writeFault(w http.ResponseWriter, f *Fault) {
	body := append([]byte(`{"__type":`), wire.AppendString(nil, f.Code)...)
	for _, m := range f.Members {
		body = m.append(append(body, ','))
	}
	body = append(append(body, `,"message":`...), wire.AppendString(nil, f.Message)...)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Errortype", f.Code)
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(body, '}'))
}
