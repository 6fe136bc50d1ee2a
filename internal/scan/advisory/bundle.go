package advisory

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A bundle is a zip with everything that is loaded, for a site that cannot fetch
// it: the files of the OSV bucket's layout, not packed again, and before them a
// manifest with their digests and its signature. Unpacked, it is a directory
// that can be used as any other.
const (
	manifestFile  = "manifest.json"
	signatureFile = "manifest.sig"
	// BundleFormat is what a manifest says it is.
	BundleFormat = "ecru advisories 1"
	// signedPurpose comes before what is signed, so that a signature cannot be
	// taken for one of something else.
	signedPurpose = "ecru advisories bundle manifest\n"

	maxManifestBytes = 4 << 20
	maxMembers       = 10_000
)

// Manifest says what is in a bundle.
type Manifest struct {
	Format  string    `json:"format"`
	Made    time.Time `json:"made"`
	By      string    `json:"by,omitempty"`
	Key     string    `json:"key"` // whose signature it is, for messages
	Members []Member  `json:"members"`
}

// Member is an export within a bundle.
type Member struct {
	Name      string    `json:"name"`
	Ecosystem string    `json:"ecosystem"`
	Digest    string    `json:"digest"`
	Size      int64     `json:"size"`
	Records   int64     `json:"records"`
	Checked   time.Time `json:"checked"` // when it was last known to be what its feed has
	Newest    time.Time `json:"newest,omitzero"`
	Location  string    `json:"location,omitempty"` // of that feed
}

// PublicKey is how a public key is written: "ed25519:" and base64.
func PublicKey(key ed25519.PublicKey) string {
	return "ed25519:" + base64.StdEncoding.EncodeToString(key)
}

// ParsePublicKey reads what PublicKey writes.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), "ed25519:")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%.64q is not a public key, such as ecru advisories key prints", text)
	}
	return key, nil
}

// WriteBundle writes a bundle of what is loaded, of all ecosystems or of some.
func WriteBundle(ctx context.Context, x *Exporter, key ed25519.PrivateKey, by string, now time.Time, ecosystems []string, w io.Writer) (*Manifest, error) {
	archives, err := x.openAll(ctx, ecosystems)
	defer func() {
		for _, a := range archives {
			_ = a.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	public, _ := key.Public().(ed25519.PublicKey)
	m := &Manifest{Format: BundleFormat, Made: now.UTC().Truncate(time.Second), By: by, Key: PublicKey(public)}
	for _, a := range archives {
		s := a.Source
		m.Members = append(m.Members, Member{
			Name: ExportName(s.Ecosystem), Ecosystem: s.Ecosystem, Digest: s.Digest, Size: s.Size,
			Records: s.Records, Checked: s.Checked(), Newest: s.NewestModified, Location: s.Location,
		})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	out := zip.NewWriter(w)
	if err := store(out, manifestFile, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	signature := ed25519.Sign(key, append([]byte(signedPurpose), text...))
	if err := store(out, signatureFile, bytes.NewReader(signature)); err != nil {
		return nil, err
	}
	for i, a := range archives {
		if err := store(out, m.Members[i].Name, &contextReader{ctx, a}); err != nil {
			return nil, err
		}
	}
	return m, out.Close()
}

// openAll opens the exports of ecosystems, without names of all.
func (x *Exporter) openAll(ctx context.Context, ecosystems []string) (all []*Archive, err error) {
	if len(ecosystems) == 0 {
		sources, err := x.Sources(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range sources {
			ecosystems = append(ecosystems, s.Ecosystem)
		}
	}
	if len(ecosystems) == 0 {
		return nil, errors.New("advisories: none are loaded")
	}
	for _, e := range slices.Compact(slices.Sorted(slices.Values(ecosystems))) {
		a, err := x.Open(ctx, e)
		if errors.Is(err, ErrNoExport) {
			err = fmt.Errorf("advisories: none of %q are loaded", e)
		}
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
	return all, nil
}

// store writes a file that is not packed.
func store(out *zip.Writer, name string, from io.Reader) error {
	w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.Copy(w, from)
	}
	return err
}

// Why a bundle is refused.
var (
	// ErrUntrusted: nobody who is trusted has signed it.
	ErrUntrusted = errors.New("the bundle is not signed with a trusted key")
	// ErrAltered: it is not what was signed.
	ErrAltered = errors.New("the bundle is damaged or was altered")
	// ErrOlder: what is stored is newer.
	ErrOlder = errors.New("the bundle is older than what is stored")
)

// Bundle is an opened bundle whose signature and digests are right.
type Bundle struct {
	Manifest Manifest
	file     *os.File
	name     string
	offsets  map[string]int64 // name → where its data is
}

// OpenBundle opens a bundle that one of the trusted has signed. Nothing in it is
// looked at before the signature is, and all of it is read before it counts.
func OpenBundle(ctx context.Context, path string, trusted []ed25519.PublicKey) (_ *Bundle, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	b := &Bundle{file: file, name: filepath.Base(path), offsets: map[string]int64{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("advisories: %s: %w", path, errors.Join(err, file.Close()))
		}
	}()
	files, err := b.list()
	if err != nil {
		return nil, err
	}
	if err := b.readManifest(files, trusted); err != nil {
		return nil, err
	}
	if err := b.verify(ctx, files); err != nil {
		return nil, err
	}
	return b, nil
}

// Close closes the file.
func (b *Bundle) Close() error { return b.file.Close() }

func (b *Bundle) list() (map[string]zipFile, error) {
	info, err := b.file.Stat()
	if err != nil {
		return nil, err
	}
	archive, err := openZip(b.file, info.Size())
	if err != nil {
		return nil, notABundle(err)
	}
	files := map[string]zipFile{}
	for {
		f, err := archive.next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, notABundle(err)
		}
		if _, twice := files[f.name]; twice || len(files) == maxMembers || f.method != zipStored || f.size != f.compressed {
			return nil, fmt.Errorf("%w: its directory is not as this program writes it", ErrAltered)
		}
		files[f.name] = f
	}
}

func notABundle(err error) error { return fmt.Errorf("%w: not a whole zip (%w)", ErrAltered, err) }

// content answers what a file holds, without reading it.
func (b *Bundle) content(f zipFile) (*io.SectionReader, error) {
	var head [zipFileLength]byte
	if _, err := b.file.ReadAt(head[:], f.offset); err != nil {
		return nil, notABundle(err)
	}
	begin := f.offset + zipFileLength + int64(head[26]) + int64(head[27])<<8 + int64(head[28]) + int64(head[29])<<8
	return io.NewSectionReader(b.file, begin, f.size), nil
}

func (b *Bundle) small(f zipFile, limit int64) ([]byte, error) {
	if f.size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrAltered, f.name, f.size)
	}
	in, err := b.content(f)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(in)
	if err == nil && int64(len(text)) != f.size {
		err = io.ErrUnexpectedEOF
	}
	return text, err
}

func (b *Bundle) readManifest(files map[string]zipFile, trusted []ed25519.PublicKey) error {
	manifest, found := files[manifestFile]
	if !found {
		return fmt.Errorf("%w: it is no bundle of advisories, or its manifest is gone", ErrUntrusted)
	}
	signed, found := files[signatureFile]
	if !found {
		return fmt.Errorf("%w: it has no signature", ErrUntrusted)
	}
	text, err := b.small(manifest, maxManifestBytes)
	if err != nil {
		return err
	}
	signature, err := b.small(signed, ed25519.SignatureSize)
	if err != nil {
		return err
	}
	message := append([]byte(signedPurpose), text...)
	if !slices.ContainsFunc(trusted, func(key ed25519.PublicKey) bool { return ed25519.Verify(key, message, signature) }) {
		return b.untrusted(text, trusted)
	}
	if err := json.Unmarshal(text, &b.Manifest); err != nil {
		return fmt.Errorf("%w: its manifest: %w", ErrAltered, err)
	}
	if b.Manifest.Format != BundleFormat {
		return fmt.Errorf("it is %.64q, and this version of ecru knows %q", b.Manifest.Format, BundleFormat)
	}
	return nil
}

// untrusted tells a key that is not trusted from a signature that is wrong.
func (b *Bundle) untrusted(text []byte, trusted []ed25519.PublicKey) error {
	var claimed struct{ Key string }
	if json.Unmarshal(text, &claimed) != nil {
		return ErrUntrusted
	}
	key, err := ParsePublicKey(claimed.Key)
	if err != nil {
		return ErrUntrusted
	}
	if slices.ContainsFunc(trusted, func(k ed25519.PublicKey) bool { return k.Equal(key) }) {
		return fmt.Errorf("%w: its manifest is not what was signed", ErrAltered)
	}
	return fmt.Errorf("%w: it says that its key is %s; if you know that it is the right one, name it with --trust", ErrUntrusted, PublicKey(key))
}

// verify compares all members with the manifest.
func (b *Bundle) verify(ctx context.Context, files map[string]zipFile) error {
	if len(files) != len(b.Manifest.Members)+2 {
		return fmt.Errorf("%w: it has %d files, its manifest names %d", ErrAltered, len(files)-2, len(b.Manifest.Members))
	}
	for _, m := range b.Manifest.Members {
		f, found := files[m.Name]
		if !found || m.Name != ExportName(m.Ecosystem) || checkEcosystem(m.Ecosystem) != nil || f.size != m.Size {
			return fmt.Errorf("%w: %.128q is not as the manifest says", ErrAltered, m.Name)
		}
		in, err := b.content(f)
		if err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, &contextReader{ctx, in}); err != nil {
			return err
		}
		if "sha256:"+hex.EncodeToString(sum.Sum(nil)) != m.Digest {
			return fmt.Errorf("%w: %.128q is not as the manifest says", ErrAltered, m.Name)
		}
		_, begin, _ := in.Outer()
		b.offsets[m.Ecosystem] = begin
	}
	return nil
}

// Location is part of Feed.
func (b *Bundle) Location(string) string { return b.name }

// Ecosystems is part of Feed.
func (b *Bundle) Ecosystems(context.Context) ([]string, error) {
	var names []string
	for _, m := range b.Manifest.Members {
		names = append(names, m.Ecosystem)
	}
	return names, nil
}

// Fetch is part of Feed. Entries of a bundle are as old as where it was made they
// were, whenever it is imported.
func (b *Bundle) Fetch(_ context.Context, ecosystem string, have Source) (*Export, error) {
	at := slices.IndexFunc(b.Manifest.Members, func(m Member) bool { return m.Ecosystem == ecosystem })
	if at < 0 {
		return nil, ErrNoExport
	}
	m := b.Manifest.Members[at]
	if have.Loaded() && have.Digest == m.Digest {
		return nil, &unchangedError{checked: m.Checked}
	}
	return &Export{
		ReaderAt: io.NewSectionReader(b.file, b.offsets[ecosystem], m.Size),
		Source: Source{
			Location: "bundle " + b.name, Digest: m.Digest, Size: m.Size, FetchedAt: m.Checked.UTC(),
		},
		read:  riskReader(ecosystem),
		close: func() error { return nil },
	}, nil
}

// older answers which ecosystems are stored newer than the bundle has them.
func (b *Bundle) older(sources []Source, ecosystems []string) error {
	var all []string
	for _, m := range b.Manifest.Members {
		if len(ecosystems) > 0 && !slices.Contains(ecosystems, m.Ecosystem) {
			continue
		}
		for _, s := range sources {
			if s.Ecosystem == m.Ecosystem && s.Loaded() && m.Checked.Before(s.Checked().Truncate(time.Microsecond)) {
				all = append(all, fmt.Sprintf("%s of %s, stored of %s", m.Ecosystem, m.Checked.UTC().Format(time.DateTime), s.Checked().Format(time.DateTime)))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s (--force imports it all the same)", ErrOlder, strings.Join(all, "; "))
}

// unchangedError is ErrNotModified of a feed that knows how old its word is.
type unchangedError struct{ checked time.Time }

func (e *unchangedError) Error() string        { return ErrNotModified.Error() }
func (e *unchangedError) Is(target error) bool { return target == ErrNotModified }

// ImportBundle loads what is in a bundle; without names all of it. It refuses a
// bundle of which anything is older than what is stored, unless it is forced.
func (u *Updater) ImportBundle(ctx context.Context, b *Bundle, force bool, report func(Progress), ecosystems ...string) ([]Outcome, error) {
	sources, err := u.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.older(sources, ecosystems); err != nil && !force {
		return nil, err
	}
	if len(ecosystems) == 0 {
		if ecosystems, err = b.Ecosystems(ctx); err != nil {
			return nil, err
		}
	}
	var outcomes []Outcome
	for _, e := range ecosystems { // one by one: a release and its parent are two exports here
		some, err := u.updateFrom(ctx, b, report, []string{e})
		if outcomes = append(outcomes, some...); err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}
