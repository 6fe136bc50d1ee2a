package scan

import (
	"archive/tar"
	"bytes"
	"maps"
	"slices"
)

// archive makes a plain tar of files.
func archive(files map[string]string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		// Writing into memory cannot fail.
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = w.Write([]byte(files[name]))
	}
	_ = w.Close()
	return out.Bytes()
}
