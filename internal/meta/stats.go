package meta

import "context"

// Stats says how much a store holds.
type Stats struct {
	Repositories int64
	Images       int64 // archived ones are not counted
	Blobs        int64
	Bytes        int64 // of all blobs, each counted once
}

// Statistics is implemented by stores that can say how much they hold. The
// figures are cheap and may be a minute old.
type Statistics interface {
	Stats(ctx context.Context) (Stats, error)
}
