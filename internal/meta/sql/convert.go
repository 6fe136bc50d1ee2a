package sql

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// micros is how times are kept: microseconds since 1970, 0 for no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// maxMicros is later than anything.
const maxMicros = math.MaxInt64

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// fromJSON decodes what toJSON has written.
func fromJSON(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("a stored value is damaged: %w", err)
	}
	return nil
}

// nonNil is for columns that are never NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
