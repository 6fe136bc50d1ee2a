package disk

import (
	"crypto/rand"
	"fmt"
	"strings"
)

const (
	maxKey = 200 // leaves room for a generation within the 255 of a file name
	// generationMark separates key and generation; no key contains it.
	generationMark = "~"
)

// checkKey refuses everything that is not plainly the name of one file: keys
// come from rows and from clients' upload ids.
func checkKey(key string) error {
	if !isWord(key) || len(key) > maxKey {
		return fmt.Errorf("blob: invalid key %q", clip(key))
	}
	return nil
}

func isWord(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

func clip(s string) string {
	return s[:min(len(s), 64)]
}

// newGeneration names another file of an upload.
func newGeneration(key string) string {
	return key + generationMark + rand.Text()
}

// splitName takes the name of a file under uploads apart.
func splitName(name string) (key, generation string, ok bool) {
	key, generation, marked := strings.Cut(name, generationMark)
	if checkKey(key) != nil || marked && !isWord(generation) {
		return "", "", false
	}
	return key, generation, true
}
