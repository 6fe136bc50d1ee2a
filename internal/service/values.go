package service

import "github.com/ecru-registry/ecru/internal/meta"

// Some values in which use cases are asked and answer are the same as the
// store's. Transports know them by these names and not the port.
type (
	// Blob is a stored blob.
	Blob = meta.Blob
	// ImageQuery selects a page of images.
	ImageQuery = meta.ImageQuery
	// ReferrerQuery selects a page of referrers.
	ReferrerQuery = meta.ReferrerQuery
	// PutImageResult says what a push has changed.
	PutImageResult = meta.PutImageResult
	// Scan is the newest scan of an image.
	Scan = meta.Scan
	// ScanStatus is the state of a scan.
	ScanStatus = meta.ScanStatus
)

// The states of basic scans.
const (
	ScanInProgress = meta.ScanInProgress
	ScanComplete   = meta.ScanComplete
	ScanFailed     = meta.ScanFailed
)
