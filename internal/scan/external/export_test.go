package external

// What tests see beside the rest.
var (
	ReadReport  = readReport
	MaxAttempts = maxAttempts
	Patience    = patience
)
