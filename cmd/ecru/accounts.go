package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// accountCommand manages the accounts of an instance.
type accountCommand struct {
	Create      accountCreate      `cmd:"" help:"Make an account, and a root key for it."`
	List        accountList        `cmd:"" help:"List the accounts."`
	ClearPolicy accountClearPolicy `cmd:"" help:"Remove the policy of the registry or of a repository: the way out when it locks its owner out."`
}

type accountCreate struct {
	instanceFlags
	ID   string `arg:"" name:"id" help:"Registry id: 12 digits."`
	Name string `help:"What people call it."`
	keyFormat
}

// Run makes the account.
func (c *accountCreate) Run(ctx context.Context, s streams) error {
	var out admin.CreateAccountOutput
	err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "CreateAccount", input{"accountId": c.ID, "name": c.Name}, &out)
	})
	if err != nil {
		return err
	}
	return c.print(s, *out.AccessKey)
}

type accountList struct {
	instanceFlags
	listFlags
}

// Run shows all accounts.
func (c *accountList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListAccountsOutput
	err := c.eachPage(ctx, "ListAccounts", input{}, &page, func() (next *string) {
		all.Accounts, next = append(all.Accounts, page.Accounts...), page.NextToken
		page = admin.ListAccountsOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "ACCOUNT\tNAME\tCREATED")
		for _, a := range all.Accounts {
			fmt.Fprintf(table, "%s\t%s\t%s\n", deref(a.AccountID), dash(deref(a.Name)), day(a.CreateDate))
		}
	})
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

type accountClearPolicy struct {
	manageFlags
	Repository string `help:"Repository whose policy is removed; without it, that of the registry." placeholder:"NAME"`
}

// Run removes the policy.
func (c *accountClearPolicy) Run(ctx context.Context, s streams) error {
	in, what := input{}, "the registry"
	if c.Repository != "" {
		in["repositoryName"], what = c.Repository, "repository "+c.Repository
	}
	if err := c.act(ctx, "ClearPolicies", c.input(in)); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The policy of %s is removed.\n", what)
	return nil
}
