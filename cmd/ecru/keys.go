package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/awscreds"
)

// keyCommand manages access keys.
type keyCommand struct {
	Create  keyCreate  `cmd:"" help:"Make an access key for a user; its secret is shown this once."`
	List    keyList    `cmd:"" help:"List access keys, and when they were used last."`
	Disable keyDisable `cmd:"" help:"Switch a key off."`
	Enable  keyEnable  `cmd:"" help:"Switch a key on."`
	Rotate  keyRotate  `cmd:"" help:"Make another key for whoever has this one."`
	Delete  keyDelete  `cmd:"" help:"Remove a key."`
}

// keyFormat says how a new key is printed.
type keyFormat struct {
	Format string `help:"How the key is printed: text, sh (export commands for a shell; env is the same) or json." enum:"text,sh,env,json" default:"text"`
}

// print shows a key that was just made.
func (f keyFormat) print(s streams, key admin.NewKey) error {
	id, secret := deref(key.AccessKeyID), deref(key.SecretAccessKey)
	switch f.Format {
	case "json":
		return f.printJSON(s, key)
	case "sh", "env":
		fmt.Fprintf(s.out, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nunset AWS_SESSION_TOKEN AWS_PROFILE\n", shellQuote(id), shellQuote(secret))
		return nil
	}
	fmt.Fprintf(s.out, "Access key of %s. Its secret is shown this once:\n  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n",
		ownerOf(key.AccountID, key.UserName), id, secret)
	return nil
}

// printJSON prints a key under the names of the API and under those of ecru env,
// so that a script can read both commands alike.
func (keyFormat) printJSON(s streams, key admin.NewKey) error {
	text, err := awsJSON().Append(nil, key)
	if err != nil {
		return err
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	members["AWS_ACCESS_KEY_ID"], members["AWS_SECRET_ACCESS_KEY"] = key.AccessKeyID, key.SecretAccessKey
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(members)
}

// ownerOf says whose a key is.
func ownerOf(account, user *string) string {
	if user == nil {
		return "the owner of account " + deref(account)
	}
	return "user " + *user + " of account " + deref(account)
}

type keyCreate struct {
	manageFlags
	keyFormat
	User  string `arg:"" optional:"" help:"User that the key is for."`
	Named string `name:"user" help:"Another way to name the user." placeholder:"NAME"`
	Root  bool   `help:"Make a key for the owner of the account, who may do everything."`
}

// Validate is called by kong before Run.
func (c *keyCreate) Validate() error {
	if c.User != "" && c.Named != "" && c.User != c.Named {
		return errors.New("name one user")
	}
	if c.User == "" {
		c.User = c.Named
	}
	if (c.User == "") != c.Root {
		return errors.New("name a user, or say --root for a key of the account's owner")
	}
	return nil
}

// Run makes a key.
func (c *keyCreate) Run(ctx context.Context, s streams) error {
	var out admin.CreateAccessKeyOutput
	err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "CreateAccessKey", c.input(input{"userName": c.User}), &out)
	})
	if err != nil {
		return err
	}
	return c.print(s, *out.AccessKey)
}

type keyList struct {
	manageFlags
	listFlags
	User string `arg:"" optional:"" help:"User whose keys are meant; without one, all of the account."`
}

// Run shows keys.
func (c *keyList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListAccessKeysOutput
	err := c.eachPage(ctx, "ListAccessKeys", c.input(input{"userName": c.User}), &page, func() (next *string) {
		all.AccessKeys, next = append(all.AccessKeys, page.AccessKeys...), page.NextToken
		page = admin.ListAccessKeysOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "KEY\tOF\tSTATUS\tCREATED\tLAST USED")
		for _, k := range all.AccessKeys {
			of := "the owner"
			if k.UserName != nil {
				of = *k.UserName
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", deref(k.AccessKeyID), of, deref(k.Status), day(k.CreateDate), lastUse(k.LastUsed))
		}
	})
}

func lastUse(use *admin.KeyUse) string {
	if use == nil {
		return "never"
	}
	return fmt.Sprintf("%s (%s in %s)", age(use.Date), dash(deref(use.ServiceName)), dash(deref(use.Region)))
}

// namedKey is a command about one key.
type namedKey struct {
	manageFlags
	ID string `arg:"" name:"key" help:"Id of the key."`
}

func (c *namedKey) key(members input) input {
	members["accessKeyId"] = c.ID
	return c.input(members)
}

// credentials is the file of the data directory that holds this key, and what
// is in it; "" when another key is there or none.
func (c *namedKey) credentials() (string, awscreds.Profile) {
	path := filepath.Join(c.Data, credentialsFile)
	profile, err := awscreds.Read(path)
	if err != nil || profile.AccessKeyID != c.ID {
		return "", awscreds.Profile{}
	}
	return path, profile
}

// spare refuses to break the key that ecru env and these commands use.
func (c *namedKey) spare() error {
	if path, _ := c.credentials(); path != "" {
		return fmt.Errorf("%s is the key in %s, which ecru env and this command use; put another one there with: ecru key rotate %s --disable-old", c.ID, path, c.ID)
	}
	return nil
}

type keyDisable struct{ namedKey }

// Run switches a key off.
func (c *keyDisable) Run(ctx context.Context, s streams) error {
	if err := c.spare(); err != nil {
		return err
	}
	return c.set(ctx, s, admin.Inactive, "disabled")
}

type keyEnable struct{ namedKey }

// Run switches a key on.
func (c *keyEnable) Run(ctx context.Context, s streams) error {
	return c.set(ctx, s, admin.Active, "enabled")
}

func (c *namedKey) set(ctx context.Context, s streams, status, word string) error {
	var out admin.UpdateAccessKeyOutput
	err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "UpdateAccessKey", c.key(input{"status": status}), &out)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Key %s of %s is %s.\n", c.ID, ownerOf(out.AccessKey.AccountID, out.AccessKey.UserName), word)
	return nil
}

type keyDelete struct{ namedKey }

// Run removes a key.
func (c *keyDelete) Run(ctx context.Context, s streams) error {
	if err := c.spare(); err != nil {
		return err
	}
	if err := c.act(ctx, "DeleteAccessKey", c.key(input{})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Key %s is deleted.\n", c.ID)
	return nil
}

type keyRotate struct {
	namedKey
	keyFormat
	DisableOld bool `help:"Switch the old key off at once."`
}

// Run makes another key. One that takes the place of the key in the data
// directory is written there.
func (c *keyRotate) Run(ctx context.Context, s streams) error {
	path, profile := c.credentials()
	var out admin.RotateAccessKeyOutput
	err := c.with(ctx, func(m manager) error {
		return m.call(ctx, "RotateAccessKey", c.key(input{"disableOld": c.DisableOld}), &out)
	})
	if err != nil {
		return err
	}
	if path == "" {
		return c.print(s, *out.AccessKey)
	}
	profile.AccessKeyID, profile.SecretAccessKey = deref(out.AccessKey.AccessKeyID), deref(out.AccessKey.SecretAccessKey)
	// The key is shown even when the file cannot be written: there is no other
	// way to learn it.
	err = errors.Join(awscreds.Write(path, profile), c.print(s, *out.AccessKey))
	if err == nil {
		fmt.Fprintf(s.err, "It is written to %s, for ecru env.\n", path)
	}
	return err
}
