package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// scannerCommand manages scanners of others.
type scannerCommand struct {
	Add     scannerAdd     `cmd:"" help:"Make a scanner known that speaks Harbor's pluggable scanner API."`
	List    scannerList    `cmd:"" help:"List the scanners that an account can use."`
	Test    scannerTest    `cmd:"" help:"Ask a scanner what it can do."`
	Default scannerDefault `cmd:"" help:"Say who makes basic scans: a scanner, builtin, or inherit."`
	Remove  scannerRemove  `cmd:"" help:"Forget a scanner."`
}

// scannerScope says whose a scanner is.
type scannerScope struct {
	Instance bool `help:"Of all accounts: only the operator may."`
}

func (f scannerScope) put(in input) input {
	if f.Instance {
		in["scope"] = admin.ScopeInstance
	}
	return in
}

type scannerAdd struct {
	manageFlags
	scannerScope
	Name        string `arg:"" help:"What to call it."`
	URL         string `name:"url" help:"Where it is, as Harbor is told: without /api/v1." required:"" placeholder:"URL"`
	Auth        string `help:"How it wants to be called: none, basic, bearer or api-key." enum:"none,basic,bearer,api-key" default:"none"`
	Credential  string `help:"File with USER:PASSWORD, the token or the key; - is standard input." placeholder:"FILE"`
	CA          string `name:"ca" help:"File with certificates in PEM that vouch for it." placeholder:"FILE"`
	SkipVerify  bool   `help:"Do not ask who vouches for its certificate."`
	RegistryURL string `name:"registry-url" help:"Where it reaches this registry, if not under --public-url of the server." placeholder:"URL"`
}

// Run adds the scanner.
func (c *scannerAdd) Run(ctx context.Context, s streams) error {
	in := c.put(c.input(members("scannerName", c.Name, "url", c.URL, "auth", c.Auth, "registryUrl", c.RegistryURL)))
	for member, path := range map[string]string{"credential": c.Credential, "certificates": c.CA} {
		if path == "" {
			continue
		}
		content, err := readDocument(path)
		if err != nil {
			return err
		}
		if member == "credential" {
			content = strings.TrimRight(content, "\r\n")
		}
		in[member] = content
	}
	if c.SkipVerify {
		in["skipVerify"] = true
	}
	var out admin.AddScannerOutput
	if err := c.with(ctx, func(m manager) error { return m.call(ctx, "AddScanner", in, &out) }); err != nil {
		return err
	}
	fmt.Fprintf(plainly(s.out), "%s is %s. Basic scans are its after: ecru scanner default %s\n", c.Name, product(out.Scanner.Product, out.Scanner.Vendor, out.Scanner.Version), c.Name)
	return nil
}

// product is what a scanner says that it is.
func product(name, vendor, version *string) string {
	text := strings.TrimSpace(deref(name) + " " + deref(version))
	if deref(vendor) != "" {
		text += " of " + *vendor
	}
	return text
}

type scannerList struct {
	manageFlags
	listFlags
}

// Run shows all scanners.
func (c *scannerList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListScannersOutput
	err := c.eachPage(ctx, "ListScanners", c.input(input{}), &page, func() (next *string) {
		all.Scanners, next = append(all.Scanners, page.Scanners...), page.NextToken
		page = admin.ListScannersOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "NAME\tFOR\tDEFAULT\tURL\tAUTH\tSCANNER")
		for _, x := range all.Scanners {
			used := "-"
			if deref(x.Default) {
				used = "yes"
			}
			fmt.Fprintln(table, strings.Join([]string{
				deref(x.ScannerName), strings.ToLower(deref(x.Scope)), used, deref(x.URL), deref(x.Auth), product(x.Product, x.Vendor, x.Version),
			}, "\t"))
		}
	})
}

type scannerTest struct {
	manageFlags
	Name string `arg:"" help:"Its name."`
}

// Run asks the scanner.
func (c *scannerTest) Run(ctx context.Context, s streams) error {
	var out admin.TestScannerOutput
	if err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "TestScanner", c.input(input{"scannerName": c.Name}), &out)
	}); err != nil {
		return err
	}
	if !deref(out.Healthy) {
		return fmt.Errorf("the scanner %s cannot be used: %s", c.Name, deref(out.Problem))
	}
	fmt.Fprintf(plainly(s.out), "%s is %s, and can be used.\n", c.Name, product(out.Product, out.Vendor, out.Version))
	return nil
}

type scannerDefault struct {
	manageFlags
	scannerScope
	Name string `arg:"" help:"A scanner, builtin for ecru's own, or inherit for that of the instance."`
}

// Run says who makes basic scans.
func (c *scannerDefault) Run(ctx context.Context, s streams) error {
	if err := c.act(ctx, "SetDefaultScanner", c.put(c.input(input{"scannerName": c.Name}))); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Basic scans are made by: %s\n", c.Name)
	return nil
}

type scannerRemove struct {
	manageFlags
	scannerScope
	Name string `arg:"" help:"Its name."`
}

// Run forgets the scanner.
func (c *scannerRemove) Run(ctx context.Context, s streams) error {
	if err := c.act(ctx, "RemoveScanner", c.put(c.input(input{"scannerName": c.Name}))); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The scanner %s is forgotten.\n", c.Name)
	return nil
}
