package inventory

import "strings"

// wantsComposer takes the list of what Composer has installed, wherever the vendor directory is.
func wantsComposer(path string) bool {
	return strings.HasSuffix(path, "/composer/installed.json") || path == "composer/installed.json"
}

// parseComposer reads both layouts: a list of packages (Composer 1), or an object with that list in "packages" (2).
func parseComposer(in *input) ([]Package, error) {
	text, err := in.whole(maxLanguageText)
	if err != nil {
		return nil, err
	}
	c := composerList{in: in, json: newJSON(text)}
	if c.json.next() == '[' {
		err = c.json.array(c.element)
	} else {
		err = c.json.object(func(key string) error {
			if key == "packages" {
				return c.json.array(c.element)
			}
			return c.json.skip()
		})
	}
	return c.packages, err
}

type composerList struct {
	in       *input
	json     *jsonText
	packages []Package
}

func (c *composerList) element() error {
	var name, version string
	err := c.json.object(func(key string) (err error) {
		switch key {
		case "name":
			name, err = c.json.string()
		case "version":
			version, err = c.json.string()
		default:
			err = c.json.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	c.packages, err = c.in.add(c.packages, name, version)
	return err
}
