package service

import "github.com/ecru-registry/ecru/internal/meta"

// The values in which use cases are asked and answer where those are the same
// as the store's. Transports know them by these names and not the port.
type (
	Blob           = meta.Blob
	ImageQuery     = meta.ImageQuery
	ReferrerQuery  = meta.ReferrerQuery
	PutImageResult = meta.PutImageResult
	Scan           = meta.Scan
	ScanStatus     = meta.ScanStatus
)

// The states of basic scans.
const (
	ScanInProgress = meta.ScanInProgress
	ScanComplete   = meta.ScanComplete
	ScanFailed     = meta.ScanFailed
)
