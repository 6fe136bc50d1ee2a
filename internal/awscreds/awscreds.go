// Package awscreds writes and reads one access key in the format of the AWS
// shared-credentials file, so that AWS clients can use the file as it is. It
// must not know where the file is kept or whose key it holds.
package awscreds

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Key is an access key and the region that it is for.
type Key struct {
	AccessKeyID     string
	SecretAccessKey string
	Region          string
}

// Write puts the key into a file as its default profile, readable by its owner
// only. The file is there whole or not at all.
func Write(path string, key Key) (err error) {
	content := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", key.AccessKeyID, key.SecretAccessKey, key.Region)
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.WriteString(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Read answers the default profile of a file.
func Read(path string) (Key, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Key{}, err
	}
	var key Key
	section := ""
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found || section != "[default]" {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			key.AccessKeyID = value
		case "aws_secret_access_key":
			key.SecretAccessKey = value
		case "region":
			key.Region = value
		}
	}
	if key.AccessKeyID == "" || key.SecretAccessKey == "" {
		return Key{}, fmt.Errorf("%s: no access key in the profile [default]", path)
	}
	return key, nil
}
