package metatest

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

func uploadCases() []testCase {
	return []testCase{
		{"a session comes back as it was saved", uploadRoundTrip},
		{"saving compares the offset", uploadCompareAndSet},
		{"a cancelled session is not saved again", uploadCancelled},
		{"a session that was never saved can be cancelled", uploadCancelUnknown},
		{"stale sessions are found, oldest first", uploadStale},
	}
}

func upload(id string, offset int64) meta.Upload {
	return meta.Upload{ID: id, RepositoryID: 7, Offset: offset, HashState: []byte{0, 1}, BlobState: []byte{0xff}, LastPart: 3, ShortPart: true, Parts: 2, UpdatedAt: base}
}

func uploadRoundTrip(t *testing.T, s meta.Store) {
	ctx := t.Context()
	if _, found, err := s.Upload(ctx, "u"); found || err != nil {
		t.Errorf("unknown session: %v %v", found, err)
	}
	want := upload("u", 1<<40)
	if !value(s.SaveUpload(ctx, want, 0))(t) {
		t.Fatal("not saved")
	}
	got, found, err := s.Upload(ctx, "u")
	if must(t, err); !found {
		t.Fatal("not found")
	}
	wantSame(t, "session", want, got)
	must(t, s.DeleteUpload(ctx, "u"))
	must(t, s.DeleteUpload(ctx, "u"))
	if _, found, _ := s.Upload(ctx, "u"); found {
		t.Error("still there")
	}
}

func uploadCompareAndSet(t *testing.T, s meta.Store) {
	save := func(offset, previous int64) bool {
		t.Helper()
		return value(s.SaveUpload(t.Context(), upload("u", offset), previous))(t)
	}
	if save(20, 10) {
		t.Error("saved without the row that it goes on from")
	}
	if !save(0, 0) || !save(10, 0) {
		t.Error("a row at offset 0 is as good as none")
	}
	if save(11, 0) || save(11, 9) || save(11, 11) {
		t.Error("saved on a wrong offset")
	}
	if !save(30, 10) {
		t.Error("not saved on the right offset")
	}
	if u, _, err := s.Upload(t.Context(), "u"); err != nil || u.Offset != 30 {
		t.Errorf("offset %d, %v", u.Offset, err)
	}
}

func uploadCancelled(t *testing.T, s meta.Store) {
	ctx := t.Context()
	value(s.SaveUpload(ctx, upload("u", 10), 0))(t)
	stale := upload("u", 5)
	stale.BlobState, stale.UpdatedAt = []byte("older"), base.Add(time.Minute)
	must(t, s.CancelUpload(ctx, stale))
	got, found, err := s.Upload(ctx, "u")
	if err != nil || !found || !got.Cancelled || !got.UpdatedAt.Equal(base.Add(time.Minute)) {
		t.Errorf("got %+v %v %v", got, found, err)
	}
	if got.Offset != 10 || string(got.BlobState) != "\xff" {
		t.Errorf("what is to be removed was overwritten: %+v", got)
	}
	if value(s.SaveUpload(ctx, upload("u", 20), 10))(t) {
		t.Error("a cancelled session was saved")
	}
}

func uploadCancelUnknown(t *testing.T, s meta.Store) {
	must(t, s.CancelUpload(t.Context(), upload("u", 0)))
	if got, found, err := s.Upload(t.Context(), "u"); err != nil || !found || !got.Cancelled {
		t.Errorf("got %+v %v %v", got, found, err)
	}
	if value(s.SaveUpload(t.Context(), upload("u", 20), 0))(t) {
		t.Error("a cancelled session was saved")
	}
}

func uploadStale(t *testing.T, s meta.Store) {
	for n, id := range []string{"c", "a", "b", "d"} {
		u := upload(id, 1)
		u.UpdatedAt = base.Add(time.Duration(n) * time.Minute)
		value(s.SaveUpload(t.Context(), u, 0))(t)
	}
	cancelled := upload("a", 1)
	cancelled.UpdatedAt = base.Add(time.Minute)
	must(t, s.CancelUpload(t.Context(), cancelled))
	ids := func(limit int) (all []string) {
		for _, u := range value(s.StaleUploads(t.Context(), base.Add(3*time.Minute), limit))(t) {
			all = append(all, u.ID)
		}
		return all
	}
	wantSame(t, "stale", []string{"c", "a", "b"}, ids(10))
	wantSame(t, "two of them", []string{"c", "a"}, ids(2))
}
