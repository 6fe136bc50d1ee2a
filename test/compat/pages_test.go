package compat

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// listing is what the checks of pages need to know of an operation whose good
// input lists everything that fill makes.
type listing[I, O any] struct {
	// fill makes n items, beside whatever there is.
	fill func(a *account, n int)
	keys func(out *O) []string
	// size is how many items a page has unless asked; 0: cannot be tried.
	size int
	// come makes one more item, of a name, and answers its key; goes removes one.
	come func(a *account, name string) string
	goes func(a *account, key string)
	// elsewhere are other lists, to which a token is no use.
	elsewhere map[string]func(a *account, in *I, token *string) error
	// ids names things instead of listing them; member is its name.
	ids    func(in *I)
	member string
}

const badToken = "Invalid pagination token"

// pages makes the checks of a list.
func pages[I, O any](l listing[I, O]) part {
	return func(op *operation) {
		add := func(name string, run func(a *account, w *walker[I, O])) {
			op.checks = append(op.checks, check{column: inPagination, name: name, run: func(a *account, op *operation) {
				run(a, &walker[I, O]{a: a, operation: op.name, in: op.good(a).(*I), keys: l.keys})
			}})
		}
		add("every size of pages shows everything once and in order", l.everySize)
		add("while things come and go", l.unstable)
		add("a token that was changed", l.tampered)
		add("a token of another account", func(a *account, w *walker[I, O]) { l.otherAccount(a, w, op) })
		if l.size > 0 {
			add("the size of a page unless asked", l.defaultSize)
		}
		if l.ids != nil {
			add("a token together with "+l.member, l.withIDs)
		}
		names := []string{}
		for name := range l.elsewhere {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			add("a token of "+name, func(a *account, w *walker[I, O]) { l.wrongList(a, w, name) })
		}
	}
}

// walker calls a list page by page.
type walker[I, O any] struct {
	a         *account
	operation string
	in        *I
	keys      func(out *O) []string
}

// page calls for one page; size 0 does not say how large.
func (w *walker[I, O]) page(size int, token *string) (keys []string, next *string, err error) {
	in := *w.in
	v := reflect.ValueOf(&in).Elem()
	if size > 0 {
		v.FieldByName("MaxResults").Set(reflect.ValueOf(aws.Int32(int32(size))))
	}
	v.FieldByName("NextToken").Set(reflect.ValueOf(token))
	out, err := w.a.call(w.operation, &in)
	if err != nil {
		return nil, nil, err
	}
	next = reflect.ValueOf(out).Elem().FieldByName("NextToken").Interface().(*string)
	return w.keys(out.(*O)), next, nil
}

// walk calls for all pages from a token on.
func (w *walker[I, O]) walk(size int, token *string) [][]string {
	w.a.t.Helper()
	var all [][]string
	for {
		keys, next, err := w.page(size, token)
		w.a.must(err)
		all = append(all, keys)
		if next == nil {
			return all
		}
		if token = next; len(all) > 1000 {
			w.a.t.Fatal("the list does not end")
		}
	}
}

// first is the first page of one item, which must not be the last.
func (w *walker[I, O]) first() (token string) {
	w.a.t.Helper()
	_, next, err := w.page(1, nil)
	w.a.must(err)
	if aws.ToString(next) == "" {
		w.a.t.Fatal("no token after the first of several items")
	}
	return aws.ToString(next)
}

func (l listing[I, O]) everySize(a *account, w *walker[I, O]) {
	l.fill(a, 5)
	whole := w.walk(int(largestPage(w.operation)), nil)
	want := slices.Concat(whole...)
	if len(whole) != 1 || len(want) < 5 || len(slices.Compact(slices.Sorted(slices.Values(want)))) != len(want) {
		a.t.Fatalf("the whole list is %q", whole)
	}
	for size := 1; size <= len(want)+1; size++ {
		got := w.walk(size, nil)
		a.same(slices.Concat(got...), want)
		for i, page := range got {
			if full := min(size, len(want)-i*size); len(page) != full {
				a.t.Errorf("page %d of %d items each has %d, want %d", i+1, size, len(page), full)
			}
		}
	}
}

func (l listing[I, O]) defaultSize(a *account, w *walker[I, O]) {
	l.fill(a, l.size+1)
	got := w.walk(0, nil)
	if len(got) != 2 || len(got[0]) != l.size {
		a.t.Errorf("%d pages, %d items on the first, want %d", len(got), len(got[0]), l.size)
	}
}

// unstable: what is there all the time is shown once, whatever else happens.
func (l listing[I, O]) unstable(a *account, w *walker[I, O]) {
	l.fill(a, 8)
	before := slices.Concat(w.walk(8, nil)...)
	if len(before) < 8 {
		a.t.Fatalf("%d items of 8", len(before))
	}
	shown, next, err := w.page(3, nil)
	a.must(err)
	come := []string{l.come(a, "come1"), l.come(a, "come2")}
	gone := []string{shown[0], shown[2], before[4]} // the last one is where the token stands
	for _, key := range gone {
		l.goes(a, key)
	}
	shown = append(shown, slices.Concat(w.walk(2, next)...)...)
	stayed := slices.DeleteFunc(slices.Clone(before), func(key string) bool { return slices.Contains(gone, key) })
	got := slices.DeleteFunc(slices.Clone(shown), func(key string) bool { return slices.Contains(gone, key) || slices.Contains(come, key) })
	if diff := cmp.Diff(stayed, got); diff != "" {
		a.t.Errorf("of what stayed, want -, got +\n%s", diff)
	}
	if n := len(shown); len(slices.Compact(slices.Sorted(slices.Values(shown)))) != n {
		a.t.Errorf("something is shown twice: %q", shown)
	}
}

func (l listing[I, O]) tampered(a *account, w *walker[I, O]) {
	l.fill(a, 2)
	token := w.first()
	middle := len(token) / 2
	other := "A"
	if token[middle] == 'A' {
		other = "B"
	}
	for what, changed := range map[string]string{
		"made up":       "bm8gdG9rZW4",
		"cut off":       token[:len(token)-1],
		"longer":        token + "A",
		"changed in it": token[:middle] + other + token[middle+1:],
		"twice":         token + token,
		"too long":      strings.Repeat("A", 10000),
	} {
		_, _, err := w.page(1, &changed)
		a.refused(err, invalidParameter, violates("nextToken", badToken))
		if a.t.Failed() {
			a.t.Fatalf("the token was %s", what)
		}
	}
}

func (l listing[I, O]) otherAccount(a *account, w *walker[I, O], op *operation) {
	l.fill(a, 2)
	token := w.first()
	other := a.house.account(a.t)
	copied := *w
	copied.a, copied.in = other, op.good(other).(*I)
	l.fill(other, 2)
	_, _, err := copied.page(1, &token)
	other.refused(err, invalidParameter, violates("nextToken", badToken))
}

func (l listing[I, O]) wrongList(a *account, w *walker[I, O], name string) {
	l.fill(a, 2)
	token := w.first()
	a.refused(l.elsewhere[name](a, w.in, &token), invalidParameter, violates("nextToken", badToken))
}

func (l listing[I, O]) withIDs(a *account, w *walker[I, O]) {
	l.fill(a, 2)
	token := w.first()
	l.ids(w.in)
	_, _, err := w.page(0, &token)
	a.refused(err, invalidParameter, violates("nextToken", "nextToken cannot be specified together with "+l.member))
}
