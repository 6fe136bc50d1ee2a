package main

import (
	"os"
	"runtime/debug"
)

const (
	// gcPercent is how much the heap may grow between two collections. What
	// lives is a few megabytes, so at Go's default of 100 a busy server would
	// collect dozens of times a second.
	gcPercent = 300
	// memoryGoal is where that generosity ends: above it the runtime collects
	// as often as it takes.
	memoryGoal = 512 << 20
)

// tuneMemory spends memory that a server has on time that its clients wait,
// unless the environment says otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
