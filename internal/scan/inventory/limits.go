package inventory

import (
	"cmp"
	"time"
)

// Limits bounds what one layer may cost. A zero field means its default.
type Limits struct {
	Entries    int   // tar entries; default 2,000,000
	PathLength int   // bytes in a path or link target; default 4,096
	PathDepth  int   // components in a path; default 256
	FileBytes  int64 // one package database; default 128 MiB. All of a layer together: eight times that
	// ArchiveBytes is for one language file: a Java archive, a program. The default is 1 GiB, and all of a layer
	// together eight times that. What is in memory of it at a time is far less.
	ArchiveBytes int64
	TempDir      string        // where large language files are held while they are read; default os.TempDir
	Ratio        int64         // uncompressed bytes for each compressed one, in layers above 1 GiB; default 200
	TotalBytes   int64         // uncompressed bytes of the layer; default 32 GiB
	Packages     int           // packages of one layer; default 200,000, with 512 bytes of text each on average
	Kept         int           // package database files; default 16,384. os-release files and links: an eighth of that
	Time         time.Duration // wall clock; default 10 minutes
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Entries:      cmp.Or(l.Entries, 2_000_000),
		PathLength:   cmp.Or(l.PathLength, 4096),
		PathDepth:    cmp.Or(l.PathDepth, 256),
		FileBytes:    cmp.Or(l.FileBytes, 128<<20),
		ArchiveBytes: cmp.Or(l.ArchiveBytes, 1<<30),
		TempDir:      l.TempDir,
		Ratio:        cmp.Or(l.Ratio, 200),
		TotalBytes:   cmp.Or(l.TotalBytes, 32<<30),
		Packages:     cmp.Or(l.Packages, 200_000),
		Kept:         cmp.Or(l.Kept, 16384),
		Time:         cmp.Or(l.Time, 10*time.Minute),
	}
}
