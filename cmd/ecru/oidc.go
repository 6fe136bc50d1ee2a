package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// oidcCommand manages OIDC issuers.
type oidcCommand struct {
	Create oidcCreate `cmd:"" help:"Believe the tokens of an issuer, such as that of a CI service."`
	List   oidcList   `cmd:"" help:"List the issuers."`
	Delete oidcDelete `cmd:"" help:"Believe an issuer no more."`
}

type oidcCreate struct {
	manageFlags
	Issuer   string   `arg:"" help:"URL of the issuer, exactly as its tokens have it in iss."`
	ClientID []string `help:"What tokens must have in aud; may be given several times." required:"" placeholder:"AUDIENCE"`
	CA       string   `name:"ca" help:"PEM file of the certificates to trust when the issuer's keys are fetched; without it, the machine's." placeholder:"FILE"`
}

// Run makes a provider.
func (c *oidcCreate) Run(ctx context.Context, s streams) error {
	in := c.input(input{"issuer": c.Issuer, "clientIds": c.ClientID})
	if c.CA != "" {
		certificates, err := readDocument(c.CA)
		if err != nil {
			return err
		}
		in["certificates"] = certificates
	}
	var out admin.CreateOpenIDConnectProviderOutput
	err := c.with(ctx, func(m manager) error { return m.call(ctx, "CreateOpenIDConnectProvider", in, &out) })
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Tokens of %s are believed (%s).\n", c.Issuer, deref(out.Provider.ARN))
	return nil
}

type oidcList struct {
	manageFlags
	listFlags
}

// Run shows all providers.
func (c *oidcList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListOpenIDConnectProvidersOutput
	err := c.eachPage(ctx, "ListOpenIDConnectProviders", c.input(input{}), &page, func() (next *string) {
		all.Providers, next = append(all.Providers, page.Providers...), page.NextToken
		page = admin.ListOpenIDConnectProvidersOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "ISSUER\tAUDIENCES\tCERTIFICATES\tARN")
		for _, p := range all.Providers {
			from := "the machine's"
			if p.Certificates != nil {
				from = "its own"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", deref(p.Issuer), strings.Join(p.ClientIDs, ", "), from, deref(p.ARN))
		}
	})
}

type oidcDelete struct {
	manageFlags
	Issuer string `arg:"" help:"URL of the issuer."`
}

// Run removes a provider.
func (c *oidcDelete) Run(ctx context.Context, s streams) error {
	if err := c.act(ctx, "DeleteOpenIDConnectProvider", c.input(input{"issuer": c.Issuer})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Tokens of %s are believed no more.\n", c.Issuer)
	return nil
}
