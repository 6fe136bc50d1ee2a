package awsmodel

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What clients build on top of operations: iterators over pages, and loops that
// wait for something to be done.
var (
	//go:embed paginators-1.json
	paginators []byte
	//go:embed waiters-2.json
	waiters []byte
	//go:embed inspector2-paginators-1.json
	inspectorPaginators []byte
)

// Write writes the files of the model below dir, which is then for
// AWS_DATA_PATH. How hosts of AWS are found is not among them: clients keep
// their own rules for that.
func (m *Model) Write(dir string) error {
	service, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, m.folder, fmt.Sprint(m.Metadata["apiVersion"]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"service-2.json": service, "paginators-1.json": m.paginators, "waiters-2.json": m.waiters,
	} {
		if content == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Commands answers the names that operations have in the AWS CLI, in order.
func (m *Model) Commands() []string {
	var all []string
	for name := range m.Operations {
		all = append(all, command(name))
	}
	slices.Sort(all)
	return all
}

// command turns PutImage into put-image.
func command(operation string) string {
	var b strings.Builder
	for i, r := range operation {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}
