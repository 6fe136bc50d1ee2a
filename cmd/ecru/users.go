package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// userCommand manages users.
type userCommand struct {
	Create       userCreate               `cmd:"" help:"Make a user; ecru key create makes its key."`
	List         userList                 `cmd:"" help:"List the users."`
	Show         userShow                 `cmd:"" help:"Show a user with its policies and keys."`
	Delete       deleteIdentity[userNoun] `cmd:"" help:"Remove a user and its keys."`
	Attach       attachPolicies[userNoun] `cmd:"" help:"Give a user policies."`
	Detach       detachPolicies[userNoun] `cmd:"" help:"Take managed policies away from a user."`
	PutPolicy    putPolicy[userNoun]      `cmd:"" help:"Give a user an inline policy, or replace it."`
	DeletePolicy deletePolicy[userNoun]   `cmd:"" help:"Take an inline policy away from a user."`
}

type userCreate struct {
	manageFlags
	Name string `arg:"" help:"Its name."`
	givenPolicies
}

// Run makes a user.
func (c *userCreate) Run(ctx context.Context, s streams) error {
	inline, err := c.inline()
	if err != nil {
		return err
	}
	var out admin.CreateUserOutput
	err = c.with(ctx, func(m manager) error {
		return m.call(ctx, "CreateUser", named(&c.manageFlags, userNoun{}, c.Name, input{"managedPolicies": c.managed(), "inlinePolicies": inline}), &out)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "User %s (%s) is made.\n", c.Name, deref(out.User.ARN))
	return nil
}

type userList struct {
	manageFlags
	listFlags
}

// Run shows all users.
func (c *userList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListUsersOutput
	err := c.eachPage(ctx, "ListUsers", c.input(input{}), &page, func() (next *string) {
		all.Users, next = append(all.Users, page.Users...), page.NextToken
		page = admin.ListUsersOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "USER\tCREATED\tPOLICIES")
		for _, u := range all.Users {
			fmt.Fprintf(table, "%s\t%s\t%s\n", deref(u.UserName), day(u.CreateDate), policiesOf(u.ManagedPolicies, u.InlinePolicies))
		}
	})
}

// policiesOf names all policies of an identity.
func policiesOf(managed []string, inline map[string]string) string {
	names := slices.Clone(managed)
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		names = append(names, name+" (inline)")
	}
	return dash(strings.Join(names, ", "))
}

type userShow struct {
	manageFlags
	listFlags
	Name string `arg:"" help:"Its name."`
}

// shownUser is a user with its keys.
type shownUser struct {
	User       *admin.User
	AccessKeys []admin.Key
}

// Run shows one user.
func (c *userShow) Run(ctx context.Context, s streams) error {
	var user admin.GetUserOutput
	var keys admin.ListAccessKeysOutput
	err := c.with(ctx, func(m manager) error {
		if err := m.call(ctx, "GetUser", named(&c.manageFlags, userNoun{}, c.Name, input{}), &user); err != nil {
			return err
		}
		return m.call(ctx, "ListAccessKeys", named(&c.manageFlags, userNoun{}, c.Name, input{}), &keys)
	})
	if err != nil {
		return err
	}
	u := user.User
	return c.show(s, shownUser{User: u, AccessKeys: keys.AccessKeys}, func(table *tabwriter.Writer) {
		fmt.Fprintf(table, "User\t%s\nARN\t%s\nID\t%s\nCreated\t%s\n", deref(u.UserName), deref(u.ARN), deref(u.UserID), day(u.CreateDate))
		printPolicies(table, u.ManagedPolicies, u.InlinePolicies)
		for _, k := range keys.AccessKeys {
			fmt.Fprintf(table, "Key\t%s, %s, last used %s\n", deref(k.AccessKeyID), deref(k.Status), lastUse(k.LastUsed))
		}
	})
}

func printPolicies(table *tabwriter.Writer, managed []string, inline map[string]string) {
	for _, name := range managed {
		fmt.Fprintf(table, "Policy\t%s\n", name)
	}
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		fmt.Fprintf(table, "Inline policy\t%s: %s\n", name, strings.Join(strings.Fields(inline[name]), " "))
	}
}
