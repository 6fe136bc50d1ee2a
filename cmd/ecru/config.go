package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// yamlFlags reads a configuration file: one flat mapping from the names of
// flags to their values. A key that is no flag of any command is an error, so
// that a typing mistake does not pass as a default.
func yamlFlags(r io.Reader) (kong.Resolver, error) {
	var values map[string]any
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading the configuration file: %w", err)
	}
	return &fileResolver{values: values}, nil
}

type fileResolver struct{ values map[string]any }

// Validate checks that every key is a flag.
func (f *fileResolver) Validate(app *kong.Application) error {
	known := flagNames(app.Node)
	for key := range f.values {
		if !slices.Contains(known, key) {
			return fmt.Errorf("the configuration file has the unknown key %q", key)
		}
	}
	return nil
}

func flagNames(n *kong.Node) []string {
	var names []string
	for _, flag := range n.Flags {
		names = append(names, flag.Name)
	}
	for _, child := range n.Children {
		names = append(names, flagNames(child)...)
	}
	return names
}

// Resolve answers the file's value for a flag that the environment leaves open.
func (f *fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, variable := range flag.Envs {
		if _, set := os.LookupEnv(variable); set {
			return nil, nil
		}
	}
	value, ok := f.values[flag.Name]
	if !ok {
		return nil, nil
	}
	switch v := value.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return nil, fmt.Errorf("the key %q of the configuration file must be a plain value", flag.Name)
	case bool:
		return v, nil
	case nil:
		return nil, nil
	}
	return fmt.Sprint(value), nil
}
