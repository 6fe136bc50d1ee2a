package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/blob/sealed"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

// secretKeyFile is the key file of a data directory whose registry was started
// without naming one.
const secretKeyFile = "secret.key"

// secretFlags say which key seals the secrets in the database.
type secretFlags struct {
	SecretKey string `help:"File with the key that seals secrets in the database. Without it, secret.key in the data directory, which is made at the first start." type:"path" placeholder:"FILE"`
}

// blobFlags say whether content is encrypted.
type blobFlags struct {
	BlobKey string `help:"File with the key that content is encrypted with. Without it content is stored as it came." type:"path" placeholder:"FILE"`
}

// openContent opens the store for content, and answers the keys that content is
// encrypted with, nil if it is not. Without them the store still knows content
// that was encrypted before from other content.
func (f blobFlags) openContent(data string) (blob.Store, service.Keyring, error) {
	var keys service.Keyring
	if f.BlobKey != "" {
		ring, err := seal.Load(f.BlobKey)
		if err != nil {
			return nil, nil, wrapFlag("--blob-key", err)
		}
		keys = ring
	}
	content, err := disk.New(filepath.Join(data, "content"))
	if err != nil {
		return nil, nil, err
	}
	return sealed.New(content, keys), keys, nil
}

// secretKeys are the keys that secrets are sealed with, and where they came from.
type secretKeys struct {
	*seal.Keyring
	path string
	made bool // by this start
	log  *slog.Logger
}

// open reads the key file. Only the data directory's own is made: a name that
// somebody has given is a name that somebody may have mistyped.
func (f secretFlags) open(data string, log *slog.Logger) (_ secretKeys, err error) {
	k := secretKeys{path: f.SecretKey, log: log}
	if k.path != "" {
		k.Keyring, err = seal.Load(k.path)
		return k, wrapFlag("--secret-key", err)
	}
	k.path = filepath.Join(data, secretKeyFile)
	k.Keyring, k.made, err = seal.LoadOrCreate(k.path)
	return k, err
}

func wrapFlag(flag string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w (to make one: umask 077; openssl rand -base64 32 > FILE)", flag, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// keyStore is where the instance and its keys are kept.
type keyStore interface {
	meta.Keys
	meta.KeyRing
	meta.Settings
	// Scrub takes out of the files what replaced rows have left there.
	Scrub(ctx context.Context) error
}

// scrubSetting is there from before secrets are sealed anew until what they
// were before is gone from the database's files.
const scrubSetting = "secrets-to-scrub"

// instance answers the instance and its root key with their secrets opened,
// making both the first time. What an earlier version has stored unsealed, and
// what older keys of the file have sealed, is sealed with the first key then.
func (k secretKeys) instance(ctx context.Context, store keyStore, account string) (_ meta.Instance, _ meta.AccessKey, created bool, err error) {
	defer func() { err = k.explain(err) }()
	offered, root := newInstance(account)
	offered.Secret, root.Secret = k.sealed(offered.Secret), k.sealed(root.Secret)
	instance, key, created, err := store.EnsureInstance(ctx, offered, root)
	if err == nil && !created {
		if err = k.renew(ctx, store, instance); err == nil {
			instance, key, _, err = store.EnsureInstance(ctx, offered, root)
		}
	}
	if err != nil {
		return meta.Instance{}, meta.AccessKey{}, false, err
	}
	var errInstance, errKey error
	instance.Secret, errInstance = k.Open(service.SecretPurpose, instance.Secret)
	key.Secret, errKey = k.Open(service.SecretPurpose, key.Secret)
	return instance, key, created, errors.Join(errInstance, errKey)
}

// renew seals with the first key what is not.
func (k secretKeys) renew(ctx context.Context, store keyStore, instance meta.Instance) error {
	if seal.Sealed(instance.Secret) {
		if _, err := k.Open(service.SecretPurpose, instance.Secret); err != nil {
			return err
		}
	}
	if !k.Current(instance.Secret) {
		if err := store.PutSetting(ctx, "", scrubSetting, "due"); err != nil {
			return err
		}
	}
	// With several keys in the file a replica that has not read it anew may
	// have used an older one since, so that the instance's own says too little.
	if !k.Current(instance.Secret) || k.Keys() > 1 {
		if err := store.RewriteSecrets(ctx, k.resealed); err != nil {
			return err
		}
		k.log.Info("the secrets are sealed", "key", k.ID(), "file", k.path)
	}
	if _, due, err := store.Setting(ctx, "", scrubSetting); err != nil || !due {
		return err
	}
	k.log.Info("removing from the database what the secrets were before")
	if err := store.Scrub(ctx); err != nil {
		return err
	}
	_, _, err := store.DeleteSetting(ctx, "", scrubSetting)
	return err
}

func newInstance(account string) (meta.Instance, meta.AccessKey) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	now := time.Now()
	id, keySecret := service.NewKeyPair()
	root := iam.RootPrincipal(account, id)
	return meta.Instance{Secret: secret, CreatedAt: now},
		meta.AccessKey{ID: id, Secret: []byte(keySecret), Account: account, Principal: root.ARN, UserID: root.UserID, Active: true, CreatedAt: now}
}

func (k secretKeys) sealed(secret []byte) []byte { return k.Seal(service.SecretPurpose, secret) }

// resealed makes of a stored secret one that is sealed with the first key.
func (k secretKeys) resealed(stored []byte) ([]byte, error) {
	switch {
	case k.Current(stored):
		return stored, nil
	case !seal.Sealed(stored):
		return k.sealed(stored), nil
	}
	secret, err := k.Open(service.SecretPurpose, stored)
	if err != nil {
		return nil, err
	}
	return k.sealed(secret), nil
}

// explain says of a key that is missing where it was looked for. A key that
// this start has made and that fits nothing is taken away again, so that it is
// not taken for the right one.
func (k secretKeys) explain(err error) error {
	var unknown *seal.UnknownKeyError
	if !errors.As(err, &unknown) {
		return err
	}
	if !k.made {
		return fmt.Errorf("the secrets of this registry were sealed with key %s, which %s does not hold", unknown.ID, k.path)
	}
	err = fmt.Errorf("the secrets of this registry were sealed with key %s, and there is no %s: put the key file there, or name it with --secret-key", unknown.ID, k.path)
	return errors.Join(err, os.Remove(k.path))
}
