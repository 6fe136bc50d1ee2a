package advisory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"
)

// ErrSuperseded is what an Import answers after a newer import of the same
// ecosystem began: two updaters cannot mix their entries, the newest wins.
var ErrSuperseded = errors.New("advisory: a newer import of this ecosystem has begun")

// ErrImportClosed is what an Import answers after Commit or Abort.
var ErrImportClosed = errors.New("advisory: the import is already finished")

// Store keeps advisory entries by (ecosystem, package name). An ecosystem is
// the name of a directory of the OSV export ("Debian:12", "Alpine", "Go"), kept
// and compared byte for byte; so are package names.
//
// Everything is safe for concurrent use. advisorytest.Run says the same in code.
type Store interface {
	// BeginImport starts a replacement of all entries of one ecosystem.
	// Nothing of it is visible before Commit. It supersedes an unfinished
	// import of the same ecosystem and clears what that one (or a crash) left
	// behind. It must not hold the writer between calls.
	BeginImport(ctx context.Context, ecosystem string) (Import, error)

	// Advisories returns the visible entries of the named packages, all from
	// one generation. A package without entries is simply absent; duplicates
	// in packages count once; the order is by package, then id. An unknown
	// ecosystem answers an empty Batch of generation 0. The list of packages
	// can be long (thousands): split it as the database needs.
	Advisories(ctx context.Context, ecosystem string, packages []string) (Batch, error)

	// Sources lists what is known about every ecosystem that was ever
	// imported or attempted, ordered by ecosystem.
	Sources(ctx context.Context) ([]Source, error)

	// RecordAttempt notes that the ecosystem was looked at: it sets
	// LastAttempt and LastError (empty: it went well and nothing changed) and
	// leaves everything else, also the entries, as they are.
	RecordAttempt(ctx context.Context, ecosystem string, at time.Time, problem string) error

	// Changes answers up to limit changes with a Seq above after, in order of
	// Seq. Those of an import are there from its Commit on, all at once; what is
	// committed later has a higher Seq. They stay until they are dropped, also
	// through a crash.
	Changes(ctx context.Context, after int64, limit int) ([]Change, error)

	// DropChanges forgets the changes up to a Seq. Their Seqs do not come again.
	DropChanges(ctx context.Context, upTo int64) error

	// Page answers up to limit entries of the visible generation that come
	// after a key, in order of package, then id; ErrReplaced when the
	// generation is not the visible one any more.
	Page(ctx context.Context, ecosystem string, generation int64, after Key, limit int) ([]Entry, error)
}

// ErrReplaced is what Store.Page answers when another import was committed.
var ErrReplaced = errors.New("advisory: the entries have been replaced")

// Change says that the entries of a package differ from those before: one was
// added or removed, or says something else (that it was withdrawn). That a
// record only has another date is no change. Every package of an ecosystem that
// was not there before is one, because inventories may have waited for it.
//
// Risks change in the same way: Ecosystem is then KEV or EPSS, and Package the
// id of the vulnerability.
type Change struct {
	Seq       int64
	Ecosystem string // as of the export: "Debian", "Debian:12", "npm"
	Package   string // as LookupName has it; Contents: the releases that the export speaks of
}

// Key is the place of an entry in the order of a generation.
type Key struct{ Package, ID string }

// Compare orders keys, byte by byte.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Package, other.Package), strings.Compare(k.ID, other.ID))
}

// Import is one replacement of an ecosystem. It is used by one goroutine.
type Import interface {
	// Add writes a batch in a transaction of its own. The same (package, id)
	// may come again: the last one wins. The batch is not kept.
	Add(ctx context.Context, batch []Entry) error
	// Commit makes the added entries the visible ones, in one step, and stores
	// the source (its Ecosystem and Generation are the store's to fill in).
	// The entries before it disappear, if need be later and in small steps.
	// With it come the Changes between the two.
	Commit(ctx context.Context, source Source) error
	// Abort drops what was added. After Commit or Abort it does nothing.
	Abort(ctx context.Context) error
}

// Contents is the package name, never a real one, of an export's table of
// contents: an entry for each release that its records speak of, with the
// release ("Debian:12") as its ID. It tells "no advisory for this package" from
// "this export knows nothing about this release".
const Contents = ""

// Entry is the part of one record that speaks about one package. Data is made
// and read by this package (Record.Split, Entry.Record) and opaque to the store.
type Entry struct {
	Package  string
	ID       string
	Modified time.Time
	Data     []byte
	// Content tells apart what entries say: those of one package and id with
	// equal ones are no Change. Stores keep it and do not answer it.
	Content Content
}

// Content is a digest.
type Content [16]byte

// contentOf is the digest of bytes that say all that counts.
func contentOf(data []byte) (c Content) {
	sum := sha256.Sum256(data)
	copy(c[:], sum[:])
	return c
}

// Batch is an answer of Store.Advisories.
type Batch struct {
	Generation int64
	Entries    []Entry
}

// Source describes the feed of one ecosystem and how fresh its entries are.
// Times are UTC with at least millisecond precision; zero means never.
type Source struct {
	Ecosystem string
	// Generation is 0 until the first Commit, then differs after every Commit
	// and is never used twice for an ecosystem: caches are keyed by it.
	Generation int64

	Location     string // URL or file that the entries came from
	ETag         string // validators of that very content
	LastModified string
	Digest       string // sha256:… of the export file
	Size         int64  // its bytes

	FetchedAt      time.Time // when the entries were imported
	NewestModified time.Time // the newest record's own date
	Records        int64     // records imported (withdrawn ones are not)
	Entries        int64     // (package, record) pairs imported

	LastAttempt time.Time // last look at the feed, successful or not
	LastError   string    // why the last look failed; empty when it did not
}

// Loaded reports whether the ecosystem has been imported at least once.
func (s Source) Loaded() bool { return s.Generation != 0 }

// Checked returns when the entries were last known to be what the feed has.
func (s Source) Checked() time.Time {
	if s.LastError == "" && s.LastAttempt.After(s.FetchedAt) {
		return s.LastAttempt
	}
	return s.FetchedAt
}
