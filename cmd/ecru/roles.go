package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// roleCommand manages roles.
type roleCommand struct {
	Create       roleCreate               `cmd:"" help:"Make a role."`
	List         roleList                 `cmd:"" help:"List the roles."`
	Show         roleShow                 `cmd:"" help:"Show a role with its policies."`
	Delete       deleteIdentity[roleNoun] `cmd:"" help:"Remove a role; its sessions end."`
	Attach       attachPolicies[roleNoun] `cmd:"" help:"Give a role policies."`
	Detach       detachPolicies[roleNoun] `cmd:"" help:"Take managed policies away from a role."`
	PutPolicy    putPolicy[roleNoun]      `cmd:"" help:"Give a role an inline policy, or replace it."`
	DeletePolicy deletePolicy[roleNoun]   `cmd:"" help:"Take an inline policy away from a role."`
	Trust        roleTrust                `cmd:"" help:"Replace the policy that says who may assume a role."`
}

type roleCreate struct {
	manageFlags
	Name       string        `arg:"" help:"Its name."`
	TrustFile  string        `help:"File with the trust policy as JSON: who may assume the role." required:"" placeholder:"FILE"`
	MaxSession time.Duration `help:"Longest time that temporary credentials of the role may live: 15m to 12h." default:"1h"`
	givenPolicies
}

// Run makes a role.
func (c *roleCreate) Run(ctx context.Context, s streams) error {
	trust, err := readDocument(c.TrustFile)
	if err != nil {
		return err
	}
	inline, err := c.inline()
	if err != nil {
		return err
	}
	var out admin.CreateRoleOutput
	err = c.with(ctx, func(m manager) error {
		return m.call(ctx, "CreateRole", named(&c.manageFlags, roleNoun{}, c.Name, input{
			"assumeRolePolicyDocument": trust, "maxSessionDuration": int64(c.MaxSession.Seconds()),
			"managedPolicies": c.managed(), "inlinePolicies": inline,
		}), &out)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Role %s (%s) is made.\n", c.Name, deref(out.Role.ARN))
	return nil
}

type roleList struct {
	manageFlags
	listFlags
}

// Run shows all roles.
func (c *roleList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListRolesOutput
	err := c.eachPage(ctx, "ListRoles", c.input(input{}), &page, func() (next *string) {
		all.Roles, next = append(all.Roles, page.Roles...), page.NextToken
		page = admin.ListRolesOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "ROLE\tCREATED\tSESSIONS\tPOLICIES")
		for _, r := range all.Roles {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", deref(r.RoleName), day(r.CreateDate), seconds(r.MaxSessionDuration), policiesOf(r.ManagedPolicies, r.InlinePolicies))
		}
	})
}

func seconds(n *int64) string { return (time.Duration(deref(n)) * time.Second).String() }

type roleShow struct {
	manageFlags
	listFlags
	Name string `arg:"" help:"Its name."`
}

// Run shows one role.
func (c *roleShow) Run(ctx context.Context, s streams) error {
	var out admin.GetRoleOutput
	err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "GetRole", named(&c.manageFlags, roleNoun{}, c.Name, input{}), &out)
	})
	if err != nil {
		return err
	}
	r := out.Role
	return c.show(s, out, func(table *tabwriter.Writer) {
		fmt.Fprintf(table, "Role\t%s\nARN\t%s\nID\t%s\nCreated\t%s\nSessions\tat most %s\n",
			deref(r.RoleName), deref(r.ARN), deref(r.RoleID), day(r.CreateDate), seconds(r.MaxSessionDuration))
		fmt.Fprintf(table, "Trust\t%s\n", strings.Join(strings.Fields(deref(r.AssumeRolePolicyDocument)), " "))
		printPolicies(table, r.ManagedPolicies, r.InlinePolicies)
	})
}

type roleTrust struct {
	manageFlags
	Name      string `arg:"" help:"Its name."`
	TrustFile string `help:"File with the trust policy as JSON; - is standard input." required:"" placeholder:"FILE"`
}

// Run replaces the trust policy.
func (c *roleTrust) Run(ctx context.Context, s streams) error {
	trust, err := readDocument(c.TrustFile)
	if err != nil {
		return err
	}
	if err := c.act(ctx, "UpdateAssumeRolePolicy", named(&c.manageFlags, roleNoun{}, c.Name, input{"policyDocument": trust})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Role %s has another trust policy.\n", c.Name)
	return nil
}
