package service

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"io"
	"slices"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// minLayerPart is the least size of a layer part that is not the last one, in
// the layer API; the distribution API takes chunks of any size.
const minLayerPart = 5 << 20

// AtEnd as a chunk's offset means wherever the upload stands.
const AtEnd int64 = -1

// UploadStatus says how far an upload is.
type UploadStatus struct {
	ID   string
	Size int64 // bytes held
}

// Chunk is a piece of an upload.
type Chunk struct {
	// Offset is where the chunk begins; AtEnd if the client did not say.
	Offset int64
	// Length is how long the client said that it is, -1 if it did not.
	Length int64
	Body   io.Reader
	// Part says that it is a part of the layer API, which has quotas.
	Part bool
}

// Completion ends an upload, possibly with a last chunk.
type Completion struct {
	Chunk
	// Digests: any one of them must be the content's.
	Digests []string
	// LayerAPI applies the rules of CompleteLayerUpload: parts have a least
	// size, an empty upload and a layer that is there already are errors.
	LayerAPI bool
}

// StartUpload opens an upload into a repository. Errors: RepositoryNotFound.
func (s *Service) StartUpload(ctx context.Context, c Caller, repository string) (UploadStatus, error) {
	scope, err := s.allowOn(ctx, c, "ecr:InitiateLayerUpload", repository)
	if err != nil {
		return UploadStatus{}, err
	}
	repo, err := s.repositoryForPush(ctx, c, scope, repository, "ecr:InitiateLayerUpload")
	if err != nil {
		return UploadStatus{}, err
	}
	id := s.newUploadID(repo.ID)
	s.sessions.begin(id)
	return UploadStatus{ID: id}, nil
}

// UploadStatus answers how far an upload is.
// Errors: RepositoryNotFound, UploadNotFound.
func (s *Service) UploadStatus(ctx context.Context, c Caller, repository, id string) (UploadStatus, error) {
	scope, err := s.allowOn(ctx, c, "ecr:UploadLayerPart", repository)
	if err != nil {
		return UploadStatus{}, err
	}
	u, err := s.session(ctx, scope, repository, id)
	if err != nil {
		return UploadStatus{}, err
	}
	return UploadStatus{ID: id, Size: u.Offset}, nil
}

// AppendUpload adds a chunk to an upload. What it has acknowledged survives a
// crash. Errors: RepositoryNotFound, UploadNotFound, RangeInvalid (with the
// upload's progress) when the chunk does not continue where the upload stands,
// BodyInterrupted, LayerTooLarge; for the layer API also LimitExceeded.
func (s *Service) AppendUpload(ctx context.Context, c Caller, repository, id string, chunk Chunk) (UploadStatus, error) {
	scope, err := s.allowOn(ctx, c, "ecr:UploadLayerPart", repository)
	if err != nil {
		return UploadStatus{}, err
	}
	unlock, err := s.sessions.lock(ctx, id)
	if err != nil {
		return UploadStatus{}, err
	}
	defer unlock()
	u, err := s.session(ctx, scope, repository, id)
	if err != nil {
		return UploadStatus{}, err
	}
	w, err := s.resume(u, repository, scope, "sha256")
	if err != nil {
		return UploadStatus{}, err
	}
	if err := w.withinQuotas(chunk); err != nil {
		return UploadStatus{}, err
	}
	if err := w.append(ctx, chunk, true); err != nil {
		return UploadStatus{}, s.abandon(ctx, w, err)
	}
	if err := w.save(ctx); err != nil {
		return UploadStatus{}, err
	}
	return UploadStatus{ID: id, Size: w.state.Size}, nil
}

// abandon drops the bytes of an upload that has never been acknowledged any,
// so that a body that broke off leaves nothing behind; acknowledged bytes stay.
func (s *Service) abandon(ctx context.Context, w *upload, cause error) error {
	if w.row.Offset > 0 {
		return cause
	}
	if err := s.Content.Abort(context.WithoutCancel(ctx), w.row.ID, w.state); err != nil {
		s.Logger.Warn("dropping a broken upload", "upload", w.row.ID, "error", err)
	}
	return cause
}

// CompleteUpload ends an upload. On failure of the digest the upload is
// dropped. Errors: those of AppendUpload, and DigestInvalid, InvalidLayer; for
// the layer API also EmptyUpload, LayerPartTooSmall, LayerAlreadyExists.
func (s *Service) CompleteUpload(ctx context.Context, c Caller, repository, id string, in Completion) (meta.Blob, error) {
	actions := []string{"ecr:CompleteLayerUpload"}
	if in.Body != nil {
		actions = append(actions, "ecr:UploadLayerPart")
	}
	scope, err := s.allowAllOn(ctx, c, repository, actions...)
	if err != nil {
		return meta.Blob{}, err
	}
	algorithm, err := completionAlgorithm(in.Digests)
	if err != nil {
		return meta.Blob{}, err
	}
	unlock, err := s.sessions.lock(ctx, id)
	if err != nil {
		return meta.Blob{}, err
	}
	defer unlock()
	u, err := s.session(ctx, scope, repository, id)
	if err != nil {
		return meta.Blob{}, err
	}
	if in.LayerAPI {
		if err := s.checkLayerParts(ctx, scope, repository, u, in.Digests); err != nil {
			return meta.Blob{}, err
		}
	}
	w, err := s.resume(u, repository, scope, algorithm)
	if err != nil {
		return meta.Blob{}, err
	}
	return s.finish(ctx, w, in)
}

// PushBlob stores a blob that arrives in one request, which is all steps of an
// upload at once.
// Errors: RepositoryNotFound, DigestInvalid, InvalidLayer, BodyInterrupted,
// LayerTooLarge.
func (s *Service) PushBlob(ctx context.Context, c Caller, repository, digest string, chunk Chunk) (meta.Blob, error) {
	// The first one is what records call it.
	actions := []string{"ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"}
	scope, err := s.allowAllOn(ctx, c, repository, actions...)
	if err != nil {
		return meta.Blob{}, err
	}
	algorithm, err := completionAlgorithm([]string{digest})
	if err != nil {
		return meta.Blob{}, err
	}
	repo, err := s.repositoryForPush(ctx, c, scope, repository, actions...)
	if err != nil {
		return meta.Blob{}, err
	}
	w, err := s.resume(meta.Upload{ID: s.newUploadID(repo.ID), RepositoryID: repo.ID}, repository, scope, algorithm)
	if err != nil {
		return meta.Blob{}, err
	}
	return s.finish(ctx, w, Completion{Chunk: chunk, Digests: []string{digest}})
}

// completionAlgorithm answers the algorithm of the digests that are offered.
func completionAlgorithm(digests []string) (string, error) {
	algorithm := ""
	for _, d := range digests {
		if !registry.ValidDigest(d) {
			continue
		}
		if a := registry.Algorithm(d); algorithm == "" || a == "sha256" {
			algorithm = a
		}
	}
	if algorithm == "" {
		return "", registry.Errorf(registry.CodeDigestInvalid, "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'must satisfy regular expression '%s''", registry.DigestPattern)
	}
	return algorithm, nil
}

func (s *Service) checkLayerParts(ctx context.Context, scope registry.Scope, repository string, u meta.Upload, digests []string) error {
	switch {
	case u.Offset == 0:
		return registry.Errorf(registry.CodeEmptyUpload, "The upload with id '%s' does not contain any layer parts", u.ID)
	case u.ShortPart:
		return registry.Errorf(registry.CodeLayerPartTooSmall, "All layer parts except the last part should be at least 5MB")
	}
	present, err := s.Store.BlobsPresent(ctx, scope.Account, repository, digests)
	if err != nil {
		return err
	}
	for digest := range present {
		return registry.Errorf(registry.CodeLayerAlreadyExists, "Layer with digest '%s' already exists in the repository with name '%s' in the registry with id '%s'", digest, repository, scope.Account)
	}
	return nil
}

// finish takes the last chunk in, checks the digest and commits.
func (s *Service) finish(ctx context.Context, w *upload, in Completion) (meta.Blob, error) {
	if err := w.append(ctx, in.Chunk, false); err != nil {
		return meta.Blob{}, s.abandon(ctx, w, err)
	}
	computed, err := w.digest(ctx)
	if err != nil {
		return meta.Blob{}, err
	}
	if !slices.Contains(in.Digests, computed) {
		s.drop(ctx, w)
		return meta.Blob{}, registry.Errorf(registry.CodeInvalidLayer, "None of the provided layer digests match the calculated layer digest")
	}
	s.sessions.use(w.row.ID)
	if err := s.Content.Commit(ctx, w.row.ID, w.state); err != nil {
		return meta.Blob{}, registry.Internal("committing a blob", err)
	}
	committed, err := s.Store.CommitBlob(ctx, meta.CommitBlob{
		Account: w.scope.Account, Repository: w.repository,
		Blob:     meta.Blob{Digest: computed, Size: w.state.Size, Key: w.row.ID},
		UploadID: w.row.ID, Now: s.Now(),
	})
	if err != nil {
		return meta.Blob{}, err
	}
	s.sessions.end(w.row.ID)
	s.Stored(w.scope.Account, w.repository, committed)
	if committed.Key != w.row.ID {
		// The content was stored before; these bytes are nobody's.
		if err := s.Content.Delete(ctx, w.row.ID); err != nil {
			s.Logger.Warn("removing a duplicate blob", "key", w.row.ID, "error", err)
		}
	}
	return committed, nil
}

// CancelUpload ends an upload and drops its bytes.
// Errors: RepositoryNotFound, UploadNotFound.
func (s *Service) CancelUpload(ctx context.Context, c Caller, repository, id string) error {
	scope, err := s.allowOn(ctx, c, "ecr:UploadLayerPart", repository)
	if err != nil {
		return err
	}
	unlock, err := s.sessions.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	u, err := s.session(ctx, scope, repository, id)
	if err != nil {
		return err
	}
	s.sessions.use(id)
	if err := s.Store.CancelUpload(ctx, meta.Upload{ID: id, RepositoryID: u.RepositoryID, UpdatedAt: s.Now(), Cancelled: true}); err != nil {
		return err
	}
	if err := s.Content.Abort(ctx, id, blob.State{Size: u.Offset, Backend: u.BlobState}); err != nil {
		return registry.Internal("dropping an upload", err)
	}
	return nil
}

// drop forgets an upload that can never become a blob.
func (s *Service) drop(ctx context.Context, w *upload) {
	ctx = context.WithoutCancel(ctx)
	s.sessions.end(w.row.ID)
	err := s.Store.DeleteUpload(ctx, w.row.ID)
	err = errors.Join(err, s.Content.Abort(ctx, w.row.ID, w.state))
	if err != nil {
		s.Logger.Warn("dropping an upload", "upload", w.row.ID, "error", err)
	}
}

// session answers an upload's row, or an empty one for an id of ours that has
// received nothing yet.
func (s *Service) session(ctx context.Context, scope registry.Scope, repository, id string) (meta.Upload, error) {
	repo, err := s.Store.Repository(ctx, scope.Account, repository)
	if err != nil {
		return meta.Upload{}, err
	}
	notFound := registry.UploadNotFound(scope.Account, repository, id)
	if !s.validUploadID(id, repo.ID) || s.sessions.hasEnded(id) {
		return meta.Upload{}, notFound
	}
	if s.Alone && s.sessions.isFresh(id) {
		return meta.Upload{ID: id, RepositoryID: repo.ID}, nil
	}
	u, found, err := s.Store.Upload(ctx, id)
	switch {
	case err != nil:
		return meta.Upload{}, err
	case u.Cancelled:
		return meta.Upload{}, notFound
	case found:
		return u, nil
	}
	// Without a row the session is new, or it became a blob already.
	used, err := s.Store.KnownKeys(ctx, []string{id})
	if err != nil {
		return meta.Upload{}, err
	}
	if used[id] {
		return meta.Upload{}, notFound
	}
	return meta.Upload{ID: id, RepositoryID: repo.ID}, nil
}

// upload is an upload session in use.
type upload struct {
	service    *Service
	scope      registry.Scope
	repository string
	row        meta.Upload // as it was found
	state      blob.State
	hash       hash.Hash
	algorithm  string // of hash; "" when the bytes must be read again
	lastPart   int64
}

// resume goes on with a session. wanted is the algorithm of the digest that
// the client will ask for, where it is known.
func (s *Service) resume(row meta.Upload, repository string, scope registry.Scope, wanted string) (*upload, error) {
	w := &upload{
		service: s, scope: scope, repository: repository, row: row,
		state: blob.State{Size: row.Offset, Backend: row.BlobState},
		hash:  sha256.New(), algorithm: "sha256",
	}
	if row.Offset == 0 {
		w.hash, w.algorithm = registry.NewHash(wanted), wanted
		return w, nil
	}
	if err := w.restoreHash(); err != nil {
		return nil, registry.Internal("resuming an upload", err)
	}
	if wanted != "sha256" {
		w.hash, w.algorithm = registry.NewHash(wanted), ""
	}
	return w, nil
}

// append takes a chunk in. With sync it is durable afterwards.
func (w *upload) append(ctx context.Context, chunk Chunk, sync bool) error {
	if chunk.Offset != AtEnd && chunk.Offset != w.state.Size {
		return w.outOfRange()
	}
	if chunk.Body == nil || chunk.Length == 0 {
		return nil
	}
	if chunk.Length > 0 && w.state.Size+chunk.Length > w.service.Limits.LayerSize {
		return w.tooLarge()
	}
	body := &bodyReader{r: chunk.Body, left: w.service.Limits.LayerSize - w.state.Size, want: chunk.Length}
	var in io.Reader = body
	if w.algorithm != "" {
		in = io.TeeReader(body, w.hash)
	}
	state, err := w.service.Content.Append(ctx, w.row.ID, w.state, in, sync)
	switch {
	case body.tooLong:
		return w.tooLarge()
	case body.err != nil:
		return &registry.Error{Code: registry.CodeBodyInterrupted, Message: "The request body ended before it was complete", Err: body.err}
	case err != nil:
		return registry.Internal("writing an upload", err)
	}
	w.lastPart = state.Size - w.state.Size
	w.state = state
	return nil
}

// withinQuotas refuses the part that is too large or one too many.
func (w *upload) withinQuotas(chunk Chunk) error {
	limits := w.service.Limits
	switch {
	case !chunk.Part:
		return nil
	case chunk.Length > limits.LayerPartSize:
		return registry.LayerPartTooLarge(chunk.Length, limits.LayerPartSize)
	case w.row.Parts >= limits.LayerParts:
		return registry.TooManyLayerParts(w.scope.Account, w.repository, w.row.ID, limits.LayerParts)
	}
	return nil
}

func (w *upload) outOfRange() error {
	return &registry.Error{
		Code:    registry.CodeRangeInvalid,
		Message: "The chunk does not begin where the upload stands",
		Upload:  &registry.UploadProgress{Account: w.scope.Account, Repository: w.repository, ID: w.row.ID, Size: w.state.Size},
	}
}

func (w *upload) tooLarge() error {
	return registry.Errorf(registry.CodeLayerTooLarge, "The layer exceeds the maximum size of %d bytes", w.service.Limits.LayerSize)
}

// save records the session where it stands now, if nobody else has moved it.
func (w *upload) save(ctx context.Context) error {
	if w.state.Size == w.row.Offset {
		return nil
	}
	w.service.sessions.use(w.row.ID)
	hashState, err := w.hashState()
	if err != nil {
		return registry.Internal("saving an upload", err)
	}
	row := w.row
	row.Offset, row.HashState, row.BlobState, row.UpdatedAt = w.state.Size, hashState, w.state.Backend, w.service.Now()
	row.ShortPart = row.ShortPart || w.row.Offset > 0 && w.row.LastPart < minLayerPart
	row.LastPart, row.Parts = w.lastPart, row.Parts+1
	saved, err := w.service.Store.SaveUpload(ctx, row, w.row.Offset)
	if err != nil {
		return err
	}
	if !saved {
		return w.outOfRange()
	}
	return nil
}

// hashState is the state of the hash to be stored. It has up to a block of the
// content in it, and so is sealed where content is.
func (w *upload) hashState() ([]byte, error) {
	state, err := w.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil || w.service.ContentKeys == nil {
		return state, err
	}
	return w.service.ContentKeys.Seal(w.hashPurpose(), state), nil
}

// restoreHash goes on with the stored state of the hash.
func (w *upload) restoreHash() (err error) {
	state := w.row.HashState
	if keys := w.service.ContentKeys; keys != nil {
		if state, err = keys.Open(w.hashPurpose(), state); err != nil {
			return err
		}
	}
	return w.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

func (w *upload) hashPurpose() string { return "ecru upload hash " + w.row.ID }

// digest answers the digest of the bytes, reading them again where the hash of
// that algorithm was not kept while they arrived.
func (w *upload) digest(ctx context.Context) (string, error) {
	if w.algorithm != "" {
		return w.algorithm + ":" + hexSum(w.hash), nil
	}
	if err := w.service.Content.Commit(ctx, w.row.ID, w.state); err != nil {
		return "", registry.Internal("committing a blob", err)
	}
	content, err := w.service.Content.Open(ctx, w.row.ID)
	if err != nil {
		return "", registry.Internal("reading an upload again", err)
	}
	defer content.Close()
	h := sha512Hash()
	if _, err := io.Copy(h, content); err != nil {
		return "", registry.Internal("reading an upload again", err)
	}
	return "sha512:" + hexSum(h), nil
}

// bodyReader tells a broken or oversized body from a store that failed.
type bodyReader struct {
	r       io.Reader
	left    int64 // bytes that may still come
	want    int64 // bytes announced, -1 if unknown
	got     int64
	err     error
	tooLong bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.got += int64(n)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		b.tooLong = true
		return n, errors.New("body too long")
	case err == io.EOF && b.want >= 0 && b.got < b.want:
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
