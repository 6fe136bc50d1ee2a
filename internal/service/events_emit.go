package service

import (
	"context"
	"sync/atomic"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// announcer makes the events of one transaction, and wakes who hands them to
// the rules once they are stored.
type announcer struct {
	s    *Service
	told atomic.Bool
}

func (s *Service) announcer() *announcer { return &announcer{s: s} }

// tell is a meta.Announce.
func (a *announcer) tell(c meta.Change) []meta.Event {
	events := a.s.Announce(c)
	if len(events) > 0 {
		a.told.Store(true)
	}
	return events
}

// wake is called after the transaction.
func (a *announcer) wake(err error) {
	if err == nil && a.told.Load() {
		a.s.EventsStored()
	}
}

// Announce makes the events of a change: it is a meta.Announce, for whoever
// changes images by himself, such as the scanner. The clock is read within the
// transaction, so that events of one image have times in the order in which
// they are stored.
func (s *Service) Announce(c meta.Change) []meta.Event {
	o := event.Origin{Scope: registry.Scope{Account: c.Account, Region: s.Default.Region}, At: s.Now()}
	made := eventsOf(o, c)
	events := make([]meta.Event, len(made))
	lane := event.Lane(c.Repository, c.Image.Digest)
	for i, e := range made {
		events[i] = meta.Event{Account: c.Account, Lane: lane, At: o.At, Body: e.Encode()}
	}
	return events
}

// eventsOf words a change as ECR does: one event for each tag that was pushed
// or deleted, one without a tag where there was none.
func eventsOf(o event.Origin, c meta.Change) []event.Event {
	i := event.Image{
		Repository: c.Repository, Digest: c.Image.Digest, MediaType: c.Image.MediaType,
		ArtifactType: c.Image.ArtifactType, Referrer: c.Image.SubjectDigest != "",
	}
	switch c.Kind {
	case meta.ImagePushed:
		return eachTag(c.IDs, func(tag string) event.Event { return event.ImagePushed(o, i, tag) })
	case meta.ImageDeleted:
		return eachTag(c.IDs, func(tag string) event.Event { return event.ImageDeleted(o, i, tag) })
	case meta.ImageArchived:
		return []event.Event{event.StorageClassChanged(o, i, event.ClassArchive, c.Image.ArchivedAt)}
	case meta.ImageRestored:
		at := c.Image.ActivatedAt
		if at.IsZero() {
			at = o.At
		}
		return []event.Event{event.StorageClassChanged(o, i, event.ClassStandard, at)}
	case meta.ScanEnded:
		return []event.Event{event.ScanEnded(o, scanResult(c))}
	}
	return nil
}

func eachTag(ids []registry.ImageID, word func(tag string) event.Event) []event.Event {
	events := make([]event.Event, len(ids))
	for i, id := range ids {
		events[i] = word(id.Tag)
	}
	return events
}

func scanResult(c meta.Change) event.ScanResult {
	r := event.ScanResult{
		Repository: c.Repository, Digest: c.Image.Digest, Tags: c.Image.Tags,
		Status: event.ScanComplete, Counts: c.Scan.Counts,
	}
	if c.Scan.Status == meta.ScanFailed {
		r.Status = event.ScanFailed
	}
	return r
}

// setStorageClass changes the storage class of an image and announces it.
func (s *Service) setStorageClass(ctx context.Context, in meta.SetStorageClass) (registry.Image, error) {
	a := s.announcer()
	in.Announce = a.tell
	image, err := s.Store.SetStorageClass(ctx, in)
	a.wake(err)
	return image, err
}
