//go:build !linux

package natsserver

import "syscall"

// endWithParent: only Linux can tie a child to its parent.
func endWithParent() *syscall.SysProcAttr { return nil }
