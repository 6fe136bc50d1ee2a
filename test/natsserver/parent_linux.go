package natsserver

import "syscall"

// endWithParent makes the kernel kill the server when the test process dies,
// as it does at a test timeout: no cleanup runs then.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
