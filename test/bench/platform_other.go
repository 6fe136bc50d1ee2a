//go:build !linux

package main

import (
	"os"
	"syscall"
)

func endWithParent() *syscall.SysProcAttr { return nil }

func syncData(f *os.File) error { return f.Sync() }
