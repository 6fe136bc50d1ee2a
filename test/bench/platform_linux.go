package main

import (
	"os"
	"syscall"
)

// endWithParent makes the kernel end servers when the bench dies.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
