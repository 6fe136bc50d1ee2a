package inventory

// wantsJava knows Java archives by their names.
func wantsJava(path string) bool { return false }

// parseJava reads a Java archive. A package that came from an archive within has the rest of its way in Path:
// "WEB-INF/lib/x.jar"; what the file itself is has none.
func parseJava(in *input) ([]Package, error) { return nil, nil }
