//go:build !linux

package disk

import (
	"io/fs"
	"os"
	"reflect"
)

func fdatasync(f *os.File) error { return f.Sync() }

func startWriteBack(*os.File, int64, int64) {}

// inodeOf finds the inode number on the systems that have one; syscall.Stat_t
// is not there on all.
func inodeOf(info fs.FileInfo) uint64 {
	v := reflect.Indirect(reflect.ValueOf(info.Sys()))
	if v.Kind() != reflect.Struct {
		return 0
	}
	if ino := v.FieldByName("Ino"); ino.IsValid() && ino.CanUint() {
		return ino.Uint()
	}
	return 0
}
