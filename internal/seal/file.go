package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	maxFile  = 64 << 10 // bounds what is read of a file that is no key file
	fileMode = 0o600
	foreign  = 0o077 // permissions that nobody but the owner must have
)

// Parse reads a key file: a key of 32 bytes in base64 on each line, of which
// the first seals and the others only open. Lines that begin with # are
// comments. An error names a line and never what stands there.
func Parse(content []byte) (*Keyring, error) {
	var keys [][]byte
	number := 0
	for line := range bytes.Lines(content) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		secret := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
		n, err := base64.StdEncoding.Strict().Decode(secret, line)
		if err != nil || n != KeySize {
			return nil, fmt.Errorf("line %d is not a key: %d bytes in base64", number, KeySize)
		}
		keys = append(keys, secret[:n])
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in it")
	}
	return New(keys...)
}

// Load reads a key file. A file that others than its owner may read is refused.
// A missing file is an error that wraps fs.ErrNotExist.
func Load(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	content, err := readPrivate(f)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	ring, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

func readPrivate(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Mode().Perm()&foreign != 0:
		return nil, fmt.Errorf("others than its owner may use it (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("longer than %d bytes", maxFile)
	}
	return content, err
}

// Create makes a key file with a new key. It appears whole and durable, or not
// at all, and never in the place of another: that is an error that wraps
// fs.ErrExist.
func Create(path string) error {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails
	text := "# A key of ecru. What it has sealed is lost without it: keep a copy elsewhere.\n" +
		base64.StdEncoding.EncodeToString(secret) + "\n"
	if err := create(path, text); err != nil {
		return fmt.Errorf("making a key file: %w", err)
	}
	return nil
}

func create(path, text string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what is there.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// LoadOrCreate loads a key file and makes it first if it is not there; created
// says whether it did.
func LoadOrCreate(path string) (ring *Keyring, created bool, err error) {
	ring, err = Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, false, err
	}
	err = Create(path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, false, err
	}
	created = err == nil // else somebody was faster
	ring, err = Load(path)
	return ring, created, err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
