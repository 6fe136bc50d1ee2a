package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecru-registry/ecru/internal/awscreds"
)

// Files of the data directory that the command line reads beside a running
// server.
const (
	credentialsFile = "credentials" // AWS shared-credentials format, mode 0600
	endpointFile    = "endpoint"    // JSON: where the server listens
)

// endpointInfo is what a running server tells other commands of itself.
type endpointInfo struct {
	URL     string `json:"url"`
	Region  string `json:"region"`
	Account string `json:"account"`
}

// accessInfo is what it takes to call a server.
type accessInfo struct {
	Endpoint        string `json:"AWS_ENDPOINT_URL"`
	Region          string `json:"AWS_REGION"`
	DefaultRegion   string `json:"AWS_DEFAULT_REGION"`
	AccessKeyID     string `json:"AWS_ACCESS_KEY_ID"`
	SecretAccessKey string `json:"AWS_SECRET_ACCESS_KEY"`
}

type envCommand struct {
	dataFlags
	Format string `help:"What to print: commands for a shell, or JSON." enum:"sh,json" default:"sh"`
}

// Run prints the environment.
func (c *envCommand) Run(s streams) error {
	access, err := readAccess(c.Data)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(access)
	}
	for _, variable := range [][2]string{
		{"AWS_ENDPOINT_URL", access.Endpoint},
		{"AWS_REGION", access.Region},
		// Older clients know only this name.
		{"AWS_DEFAULT_REGION", access.DefaultRegion},
		{"AWS_ACCESS_KEY_ID", access.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", access.SecretAccessKey},
	} {
		fmt.Fprintf(s.out, "export %s=%s\n", variable[0], shellQuote(variable[1]))
	}
	// A session token of another account would be sent with these keys.
	fmt.Fprintln(s.out, "unset AWS_SESSION_TOKEN AWS_PROFILE")
	return nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// readAccess reads what a server has written into its data directory.
func readAccess(data string) (accessInfo, error) {
	content, err := os.ReadFile(filepath.Join(data, endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return accessInfo{}, fmt.Errorf("no registry has been started with the data directory %s yet: run ecru serve --data %s", data, data)
	}
	if err != nil {
		return accessInfo{}, err
	}
	var endpoint endpointInfo
	if err := json.Unmarshal(content, &endpoint); err != nil {
		return accessInfo{}, fmt.Errorf("%s: %w", filepath.Join(data, endpointFile), err)
	}
	key, err := awscreds.Read(filepath.Join(data, credentialsFile))
	if err != nil {
		return accessInfo{}, err
	}
	return accessInfo{
		Endpoint: endpoint.URL, Region: endpoint.Region, DefaultRegion: endpoint.Region,
		AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey,
	}, nil
}

// writeEndpoint tells other commands where the server is.
func writeEndpoint(data string, endpoint endpointInfo) error {
	content, err := json.Marshal(endpoint)
	if err != nil {
		return err
	}
	path := filepath.Join(data, endpointFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
