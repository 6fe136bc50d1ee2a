package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/awscreds"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/service"
)

// What a server that was told nothing else has.
const (
	defaultAccount = "000000000000"
	defaultRegion  = "us-east-1"
)

// instanceFlags say which registry is managed.
type instanceFlags struct {
	storeFlags
	secretFlags
}

// manageFlags say which account of it.
type manageFlags struct {
	instanceFlags
	Account string `help:"Account that is meant; without it, the server's default account." placeholder:"ID"`
}

// manager calls operations of ecru's own API: on the server that runs, or on
// the store of one that does not.
type manager interface {
	call(ctx context.Context, operation string, in, out any) error
}

// input is what an operation is asked; members that are empty are left out.
type input map[string]any

// input begins the input of an operation on the account.
func (f *manageFlags) input(members input) input {
	if f.Account != "" {
		members["accountId"] = f.Account
	}
	return members
}

// with lets use call operations as the operator of the registry.
func (f *instanceFlags) with(ctx context.Context, use func(manager) error) error {
	if client := f.running(ctx); client != nil {
		return use(client)
	}
	return f.stopped(ctx, use)
}

// stopped opens the store of a registry that does not run.
func (f *instanceFlags) stopped(ctx context.Context, use func(manager) error) (err error) {
	if _, err := os.Stat(filepath.Join(f.Data, "ecru.db")); f.Database == "sqlite" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no registry has been started with the data directory %s yet: run ecru serve --data %s", f.Data, f.Data)
	}
	log := slog.New(slog.DiscardHandler)
	store, err := openStore(ctx, f.Data, f.Database, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	local, err := f.assemble(ctx, store, log)
	if err != nil {
		return err
	}
	return use(local)
}

// assemble makes the part of a registry that manages.
func (f *instanceFlags) assemble(ctx context.Context, store *sql.Store, log *slog.Logger) (*localManager, error) {
	secrets, err := f.secretFlags.open(f.Data, log)
	if err != nil {
		return nil, err
	}
	scope := f.lastScope()
	instance, root, _, err := secrets.instance(ctx, store, scope.Account)
	if err != nil {
		return nil, err
	}
	if !registry.ValidAccount(scope.Account) {
		scope.Account = root.Account
	}
	s := service.New(service.Config{
		Default: scope, Store: store, Limits: service.DefaultLimits(),
		Secret: instance.Secret, Keyring: secrets.Keyring, Logger: log,
		Adapters: newAdapters(outbound.New(outbound.Options{})), // whoever runs the command could call them as well
	})
	s.Replays = delivery.New(delivery.Config{Store: store, Rules: s, Region: scope.Region, Logger: log}) // it queues and sends nothing
	for _, account := range unique([]string{root.Account, scope.Account}) {
		if err := s.EnsureAccount(ctx, account); err != nil {
			return nil, err
		}
	}
	updater, err := newUpdater(store, advisory.Off, nil, log)
	if err != nil {
		return nil, err
	}
	advisories := newAdvisoryAdmin(store, updater, advisory.Locations{Advisories: advisory.Off}, f.Data, instance)
	local, err := awsapi.NewLocal(manage(s, scope.Account, "", instance, advisories))
	return &localManager{local: local, operator: iam.RootPrincipal(scope.Account, "")}, err
}

// lastScope is the default account and region that the server had when it ran.
func (f *instanceFlags) lastScope() registry.Scope {
	scope := registry.Scope{Account: defaultAccount, Region: defaultRegion}
	content, err := os.ReadFile(filepath.Join(f.Data, endpointFile))
	var endpoint endpointInfo
	if err == nil && json.Unmarshal(content, &endpoint) == nil && registry.ValidAccount(endpoint.Account) {
		scope.Account, scope.Region = endpoint.Account, endpoint.Region
	}
	return scope
}

// ensureOwner makes the accounts known that the instance has begun with, and
// sees to it that the default one has a root key: without it nobody could
// manage the registry.
func (a *app) ensureOwner(ctx context.Context, account string) error {
	for _, id := range unique([]string{a.rootKey.Account, account}) {
		if err := a.service.EnsureAccount(ctx, id); err != nil {
			return err
		}
	}
	key, made, err := a.service.EnsureRootKey(ctx, account)
	a.rootKey.ID, a.rootKey.Secret, a.rootKey.Account = key.ID, []byte(key.Secret), account
	a.firstStart = a.firstStart || made
	return err
}

// ownerKeyIn says whether a credentials file holds an active key of the owner
// of the default account.
func (a *app) ownerKeyIn(ctx context.Context, path string) bool {
	profile, err := awscreds.Read(path)
	if err != nil {
		return false
	}
	key, found, err := a.store.AccessKey(ctx, profile.AccessKeyID)
	return err == nil && found && key.Active && key.Principal == iam.RootARN(a.rootKey.Account)
}

// localManager calls operations on a store that this process has opened.
type localManager struct {
	local    *awsapi.Local
	operator iam.Principal
}

func (m *localManager) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := m.local.Call(ctx, awsapi.Call{Principal: m.operator}, operation, body)
	var fault *awsapi.Fault
	switch {
	case errors.As(err, &fault) && fault.Cause != nil:
		return fmt.Errorf("%s: %w", operation, fault.Cause)
	case errors.As(err, &fault):
		return fmt.Errorf("%s: %s", operation, fault.Message)
	case err != nil:
		return err
	}
	return decodeAnswer(answer, out)
}

// act calls one operation that has nothing to tell.
func (f *instanceFlags) act(ctx context.Context, operation string, in input) error {
	return f.with(ctx, func(m manager) error { return m.call(ctx, operation, in, &admin.Done{}) })
}

// eachPage calls a list operation until there are no more pages.
func (f *instanceFlags) eachPage(ctx context.Context, operation string, in input, out any, next func() *string) error {
	in["maxResults"] = 1000
	return f.with(ctx, func(m manager) error {
		for {
			if err := m.call(ctx, operation, in, out); err != nil {
				return err
			}
			token := next()
			if token == nil {
				return nil
			}
			in["nextToken"] = *token
		}
	})
}

// listFlags say how a list or a thing is shown.
type listFlags struct {
	JSON bool `help:"Print JSON."`
}

// show prints v as JSON, in the API's words, or lets rows write a table.
func (f listFlags) show(s streams, v any, rows func(*tabwriter.Writer)) error {
	if f.JSON {
		return printJSON(s.out, v)
	}
	table := tabwriter.NewWriter(plainly(s.out), 0, 4, 2, ' ', 0)
	rows(table)
	return table.Flush()
}

func printJSON(w io.Writer, v any) error {
	text, err := awsJSON().Append(nil, v)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err = w.Write(indented.Bytes())
	return err
}

// maxDocument bounds what is read of a file that is named on the command line;
// what a document may be is for the service to say.
const maxDocument = 128 << 10

// readDocument reads a file, or standard input if it is called "-".
func readDocument(path string) (string, error) { return readUpTo(path, maxDocument) }

func readUpTo(path string, most int64) (string, error) {
	from := io.Reader(os.Stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		from = file
	}
	content, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(content)) > most {
		err = errors.New("is too large")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(content), nil
}

// givenPolicies are policies on the command line.
type givenPolicies struct {
	Policies   []string `arg:"" optional:"" help:"Managed policies, such as AmazonEC2ContainerRegistryPullOnly."`
	Policy     []string `help:"Another way to name managed policies." placeholder:"NAME"`
	PolicyFile []string `help:"File with a policy as JSON, called after the file; - is standard input." placeholder:"FILE"`
}

// managed are the managed policies, however they were named.
func (p givenPolicies) managed() []string { return slices.Concat(p.Policies, p.Policy) }

// inline reads the files.
func (p givenPolicies) inline() (map[string]string, error) {
	documents := map[string]string{}
	for _, path := range p.PolicyFile {
		document, err := readDocument(path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if path == "-" {
			name = "inline"
		}
		if _, twice := documents[name]; twice {
			return nil, fmt.Errorf("two policies would be called %s", name)
		}
		documents[name] = document
	}
	return documents, nil
}

// noun is what a command is about: a user or a role.
type noun interface{ noun() string }

type (
	userNoun struct{}
	roleNoun struct{}
)

func (userNoun) noun() string { return "User" }
func (roleNoun) noun() string { return "Role" }

// nameOf is the member that names it in inputs.
func nameOf(n noun) string { return strings.ToLower(n.noun()) + "Name" }

// named begins the input of an operation on a user or a role.
func named(f *manageFlags, n noun, name string, members input) input {
	members[nameOf(n)] = name
	return f.input(members)
}

// deleteIdentity removes a user with its keys, or a role.
type deleteIdentity[N noun] struct {
	manageFlags
	Name string `arg:"" help:"Its name."`
}

// Run removes it.
func (c *deleteIdentity[N]) Run(ctx context.Context, s streams) error {
	var n N
	if err := c.act(ctx, "Delete"+n.noun(), named(&c.manageFlags, n, c.Name, input{})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s %s is deleted.\n", n.noun(), c.Name)
	return nil
}

// attachPolicies gives a user or a role policies.
type attachPolicies[N noun] struct {
	manageFlags
	Name string `arg:"" help:"Its name."`
	givenPolicies
}

// Run attaches managed policies and stores inline ones.
func (c *attachPolicies[N]) Run(ctx context.Context, s streams) error {
	var n N
	inline, err := c.inline()
	if err != nil {
		return err
	}
	if len(c.managed())+len(inline) == 0 {
		return errors.New("name a managed policy or a --policy-file")
	}
	return c.with(ctx, func(m manager) error {
		for _, policy := range c.managed() {
			if err := m.call(ctx, "Attach"+n.noun()+"Policy", named(&c.manageFlags, n, c.Name, input{"policyName": policy}), &admin.Done{}); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s %s has the policy %s.\n", n.noun(), c.Name, policy)
		}
		for policy, document := range inline {
			in := named(&c.manageFlags, n, c.Name, input{"policyName": policy, "policyDocument": document})
			if err := m.call(ctx, "Put"+n.noun()+"Policy", in, &admin.Done{}); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s %s has the inline policy %s.\n", n.noun(), c.Name, policy)
		}
		return nil
	})
}

// detachPolicies takes managed policies away.
type detachPolicies[N noun] struct {
	manageFlags
	Name     string   `arg:"" help:"Its name."`
	Policies []string `arg:"" help:"Managed policies."`
}

// Run detaches them.
func (c *detachPolicies[N]) Run(ctx context.Context, s streams) error {
	var n N
	for _, policy := range c.Policies {
		if err := c.act(ctx, "Detach"+n.noun()+"Policy", named(&c.manageFlags, n, c.Name, input{"policyName": policy})); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s %s has the policy %s no more.\n", n.noun(), c.Name, policy)
	}
	return nil
}

// putPolicy gives a user or a role an inline policy.
type putPolicy[N noun] struct {
	manageFlags
	Name       string `arg:"" help:"Its name."`
	Policy     string `arg:"" help:"What the policy is called."`
	PolicyFile string `help:"File with the policy as JSON; - is standard input." required:"" placeholder:"FILE"`
}

// Run stores it.
func (c *putPolicy[N]) Run(ctx context.Context, s streams) error {
	var n N
	document, err := readDocument(c.PolicyFile)
	if err != nil {
		return err
	}
	if err := c.act(ctx, "Put"+n.noun()+"Policy", named(&c.manageFlags, n, c.Name, input{"policyName": c.Policy, "policyDocument": document})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s %s has the inline policy %s.\n", n.noun(), c.Name, c.Policy)
	return nil
}

// deletePolicy takes an inline policy away.
type deletePolicy[N noun] struct {
	manageFlags
	Name   string `arg:"" help:"Its name."`
	Policy string `arg:"" help:"What the policy is called."`
}

// Run removes it.
func (c *deletePolicy[N]) Run(ctx context.Context, s streams) error {
	var n N
	if err := c.act(ctx, "Delete"+n.noun()+"Policy", named(&c.manageFlags, n, c.Name, input{"policyName": c.Policy})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s %s has the inline policy %s no more.\n", n.noun(), c.Name, c.Policy)
	return nil
}
