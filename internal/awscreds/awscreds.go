// Package awscreds writes and reads the file in which AWS tools keep access
// keys, so that AWS_SHARED_CREDENTIALS_FILE can point at what ecru has written.
//
// It knows one profile, [default], and is no general parser of such files. It
// must not import any other package of this module.
package awscreds

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// maxFile bounds what is read of a file that somebody may have replaced.
const maxFile = 64 << 10

// Profile is the content of the [default] profile.
type Profile struct {
	AccessKeyID     string
	SecretAccessKey string
	// Region stands in a comment: AWS tools look for it in another file.
	Region string
}

// Write stores a profile at path, readable to its owner alone. The file is
// there whole and durable, or as it was before.
func Write(path string, p Profile) error {
	for _, value := range []string{p.AccessKeyID, p.SecretAccessKey, p.Region} {
		if strings.ContainsFunc(value, unfit) {
			return errors.New("writing credentials: a value has blanks or control characters")
		}
	}
	if p.AccessKeyID == "" || p.SecretAccessKey == "" {
		return errors.New("writing credentials: the key is not complete")
	}
	if err := replace(path, p.text()); err != nil {
		return fmt.Errorf("writing credentials: %w", err)
	}
	return nil
}

func unfit(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func (p Profile) text() string {
	var b strings.Builder
	b.WriteString("# Written by ecru. For AWS_SHARED_CREDENTIALS_FILE; \"ecru env\" prints the rest.\n")
	b.WriteString("[default]\n")
	if p.Region != "" {
		fmt.Fprintf(&b, "# region = %s\n", p.Region)
	}
	fmt.Fprintf(&b, "aws_access_key_id = %s\n", p.AccessKeyID)
	fmt.Fprintf(&b, "aws_secret_access_key = %s\n", p.SecretAccessKey)
	return b.String()
}

// replace writes a file beside path and renames it.
func replace(path, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read answers the [default] profile of a file. A missing file is an error that
// wraps fs.ErrNotExist.
func Read(path string) (Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		return Profile{}, fmt.Errorf("reading credentials: %w", err)
	}
	defer f.Close()
	p, err := parse(io.LimitReader(f, maxFile))
	if err != nil {
		return Profile{}, fmt.Errorf("reading credentials: %s: %w", path, err)
	}
	return p, nil
}

func parse(r io.Reader) (Profile, error) {
	var p Profile
	inDefault := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inDefault = line == "[default]"
		}
		if inDefault {
			p.set(strings.Cut(line, "="))
		}
	}
	if err := lines.Err(); err != nil {
		return Profile{}, err
	}
	if p.AccessKeyID == "" || p.SecretAccessKey == "" {
		return Profile{}, errors.New("there is no complete key under [default]")
	}
	return p, nil
}

func (p *Profile) set(name, value string, ok bool) {
	if !ok {
		return
	}
	value = strings.TrimSpace(value)
	switch strings.Join(strings.Fields(name), " ") {
	case "aws_access_key_id":
		p.AccessKeyID = value
	case "aws_secret_access_key":
		p.SecretAccessKey = value
	case "# region", "region":
		p.Region = value
	}
}
