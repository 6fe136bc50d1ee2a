//go:build !linux

package server

import "syscall"

// endWithParent: only Linux can tie a child to its parent.
func endWithParent() *syscall.SysProcAttr { return nil }
