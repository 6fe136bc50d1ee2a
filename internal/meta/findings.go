package meta

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

// IndexedComponent is a component as the store knows it.
type IndexedComponent struct {
	// ID is never used again. It is 0 for what no advisory can name and the store
	// does not keep: fields that are no text, or of 2,000 bytes together.
	ID int64
	finding.Component
	// Judged says that its problems were stored at least once, even if there
	// were none.
	Judged bool
}

// ComponentProblems is all that is wrong with a component.
type ComponentProblems struct {
	Component int64
	Problems  []finding.Problem
	// IfUnjudged stores them only if the component was never judged. It is for
	// whoever meets a component for the first time: advisories may have changed
	// since it was judged, and who judges it again because of that may have been
	// faster.
	IfUnjudged bool
}

// StoredProblem is a problem of a component. Nobody modifies it: others may
// have got the same.
type StoredProblem struct {
	Component int64
	Of        finding.Component
	finding.Problem
}

// ProblemChange is a vulnerability of a component that is there, is not there any
// more, or is another than before: the findings of all covered images that hold
// the component are to be settled.
type ProblemChange struct {
	Seq             int64
	Component       int64
	VulnerabilityID string
	// Done is the coverage up to which images were settled.
	Done int64
}

// Components keeps which inventories hold what, and what is wrong with it.
type Components interface {
	// IndexInventory notes the components of an inventory, and answers them in
	// the order given. An inventory's components hardly ever change: again is
	// cheap, and other components replace those before. What no coverage needs
	// is forgotten a day after it was last indexed.
	IndexInventory(ctx context.Context, inventory string, components []finding.Component) ([]IndexedComponent, error)
	// ComponentsNamed answers up to limit components of any of the releases
	// with the name, in order of id, after an id. Those that no inventory has
	// any more may be left out.
	ComponentsNamed(ctx context.Context, releases []string, name string, after int64, limit int) ([]IndexedComponent, error)
	// Releases answers the distinct releases of all components.
	Releases(ctx context.Context) ([]string, error)
	// PutProblems replaces the problems of components; components that are gone
	// are passed over. What is different from before (in more than Modified) is
	// queued as a ProblemChange in the same transaction, unless the component was
	// never judged. It answers how many were queued. Of the problems of a
	// component and vulnerability the order does not count.
	PutProblems(ctx context.Context, all []ComponentProblems) (int, error)
	// InventoryProblems answers the problems of an inventory's components; with
	// vulnerabilities only those that are one of them.
	InventoryProblems(ctx context.Context, inventory string, vulnerabilities ...string) ([]StoredProblem, error)
	// ProblemChanges answers up to limit changes, oldest first. Of a component and
	// vulnerability there is one: a newer takes the place of the one before, and
	// begins anew.
	ProblemChanges(ctx context.Context, limit int) ([]ProblemChange, error)
	// SettleProblemChanges notes how far changes were settled, by Seq; those with
	// a negative Done are finished and forgotten. Those that a newer has replaced
	// are passed over.
	SettleProblemChanges(ctx context.Context, all []ProblemChange) error
}

// CoverageQuery selects coverage, in order of id.
type CoverageQuery struct {
	After        int64
	Limit        int
	RepositoryID int64 // 0: any
	Code         finding.CoverageCode
	Reason       string
	// Component, when set, selects coverage (of any account) of images that
	// hold the component.
	Component int64
	// DueBefore, when set, selects what was due before then or at it, of any
	// account.
	DueBefore time.Time
	// Gone selects images that were deleted, too.
	Gone bool
}

// Coverages keeps which images enhanced scanning looks at. The coverage of an
// image outlives it, until its findings are purged: deletion sets GoneAt and
// DueAt in the transaction that deletes, archiving and restoring set DueAt, and
// so does a pull that was recorded of an image whose eligibility has expired.
// A digest has one coverage in its repository, also when it was deleted and was
// pushed again: PutCoverage revives it then.
type Coverages interface {
	// PutCoverage stores the coverage of an image, new or changed, and sets its
	// ID; events are appended in the same transaction. It answers false, and
	// stores nothing, when the image of a new coverage is gone. Its inventory has
	// been indexed.
	//
	// GoneAt, the account and what is read from the image are the store's to say.
	// Where the caller has not seen the newest (GoneAt, Image.Status or, of
	// expired eligibility, Image.PulledAt, as they were read), the coverage is due
	// at once, so that nothing is missed that happened meanwhile. GoneAt and DueAt
	// are set to what was stored.
	PutCoverage(ctx context.Context, c *finding.Coverage, events []Event) (bool, error)
	// Coverage answers the coverage of images that have one.
	Coverage(ctx context.Context, repositoryID int64, digests []string) (map[string]finding.Coverage, error)
	// CoverageByID answers those that are there.
	CoverageByID(ctx context.Context, ids []int64) (map[int64]finding.Coverage, error)
	// ListCoverage answers a page; an empty account means all, where the query
	// says what of.
	ListCoverage(ctx context.Context, account string, q CoverageQuery) ([]finding.Coverage, error)
	// CountAffected answers how many covered images hold any of the components.
	CountAffected(ctx context.Context, components []int64) (int, error)
	// PurgeCoverage forgets coverage of images gone before a time, and closed
	// findings closed before a time, at most limit rows of each, and answers
	// how many.
	PurgeCoverage(ctx context.Context, goneBefore, closedBefore time.Time, limit int) (int, error)
}

// Settling is an image whose findings are to be settled, as it is within the
// transaction.
type Settling struct {
	Coverage finding.Coverage
	Problems []StoredProblem // of its inventory
	Findings []finding.State // that it has, closed ones too
}

// Settled is what findings are from now on.
type Settled struct {
	// Coverage replaces the coverage when it is set; what is the store's to say
	// is not looked at, as in PutCoverage.
	Coverage *finding.Coverage
	// Findings are new or changed; what is not named stays. Their ID, UID,
	// Account, Repository and Digest are the store's to say.
	Findings []finding.State
	Events   []Event
}

// FindingSort is what findings are ordered by.
type FindingSort string

// The orders. Ties are broken by id, in the same direction. The most severe is
// the greatest, words are ordered as such, and what has no score comes first.
// The orders by id, severity and vulnerability read no more than a page; the
// others read what the query selects.
const (
	SortByID            FindingSort = ""
	SortBySeverity      FindingSort = "SEVERITY" // by rank
	SortByScore         FindingSort = "INSPECTOR_SCORE"
	SortByEPSS          FindingSort = "EPSS_SCORE"
	SortByFirstObserved FindingSort = "FIRST_OBSERVED_AT"
	SortByLastObserved  FindingSort = "LAST_OBSERVED_AT"
	SortByStatus        FindingSort = "FINDING_STATUS"
	SortByVulnerability FindingSort = "VULNERABILITY_ID"
	SortByRepository    FindingSort = "ECR_IMAGE_REPOSITORY_NAME"
	SortByPushed        FindingSort = "ECR_IMAGE_PUSHED_AT"
	SortByVendor        FindingSort = "VENDOR_SEVERITY"
)

// FindingQuery selects findings of an account. Empty lists select all.
type FindingQuery struct {
	Statuses        []finding.Status
	Severities      []registry.Severity
	Vulnerabilities []string
	Repositories    []string
	Digests         []string
	UIDs            []string
	Coverage        []int64
	UpdatedFrom     time.Time // inclusive; zero: no bound
	UpdatedTo       time.Time // inclusive; zero: no bound

	Sort       FindingSort
	Descending bool
	// After is the finding after which the page begins, with what it is sorted
	// by; nil at the beginning.
	After *finding.State
	Limit int
}

// FindingGroup is what findings are counted by.
type FindingGroup string

// The groups.
const (
	GroupByImage         FindingGroup = "image" // Key is the coverage's id
	GroupByRepository    FindingGroup = "repository"
	GroupByVulnerability FindingGroup = "vulnerability"
	GroupByAccount       FindingGroup = "account"
)

// FindingCount is how many findings there are of a severity in a group.
type FindingCount struct {
	Key      string
	Severity registry.Severity
	Findings int
	Images   int // that have them
}

// Findings keeps the state of the findings of enhanced scanning.
type Findings interface {
	// SettleFindings lets decide say what the findings of images are, each with nobody
	// else's change in between. That of deleted images is settled, too; what is
	// not there any more is passed over. With vulnerabilities only those are
	// looked at. One call is one transaction, in which nobody else may write on
	// SQLite: a hundred images are many. decide is called within the
	// transaction, again when that is tried again; it must be quick and must not
	// use the store. An error of decide ends the whole call and is returned as
	// it is.
	SettleFindings(ctx context.Context, coverage []int64, vulnerabilities []string, decide func(Settling) (Settled, error)) error
	// ListFindings answers a page.
	ListFindings(ctx context.Context, account string, q FindingQuery) ([]finding.State, error)
	// CountFindings counts by group and severity what a query selects; its
	// order, After and Limit are not looked at. The answer has no order.
	CountFindings(ctx context.Context, account string, q FindingQuery, by FindingGroup) ([]FindingCount, error)
	// CountProblems counts the problems of an inventory's components, up to most.
	CountProblems(ctx context.Context, inventory string, most int) (int, error)
}
