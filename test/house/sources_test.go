package house

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxLines   = 800
	maxMethods = 7
)

// vague are names of packages that say nothing of what a package provides.
var vague = []string{"util", "utils", "common", "types", "helpers", "helper", "models", "model", "misc", "base", "shared"}

// sources are the files of one directory.
type sources struct {
	dir   string
	set   *token.FileSet
	files []*ast.File
}

// parseDir reads all Go files of a directory, whatever system they are for.
func parseDir(root, dir string) (*sources, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	contents := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		contents[relative(root, name)] = string(text)
	}
	return parse(relative(root, dir), contents)
}

func parse(dir string, contents map[string]string) (*sources, error) {
	s := &sources{dir: dir, set: token.NewFileSet()}
	var errs []error
	for name, text := range contents {
		f, err := parser.ParseFile(s.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !ast.IsGenerated(f) {
			s.files = append(s.files, f)
		}
	}
	return s, errors.Join(errs...)
}

func (s *sources) complaints() []string {
	var all []string
	for _, rule := range []func() []string{s.docs, s.names, s.lengths, s.inits, s.interfaces, s.variables} {
		all = append(all, rule()...)
	}
	slices.Sort(all)
	return all
}

func (s *sources) at(n ast.Node, format string, args ...any) string {
	p := s.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d: ", p.Filename, p.Line) + fmt.Sprintf(format, args...)
}

func (s *sources) isTest(f *ast.File) bool {
	return strings.HasSuffix(s.set.Position(f.Package).Filename, "_test.go")
}

func (s *sources) docs() []string {
	if len(s.files) == 0 {
		return nil
	}
	for _, f := range s.files {
		for _, begin := range []string{"Package " + f.Name.Name + " ", "Command "} {
			if strings.HasPrefix(f.Doc.Text(), begin) {
				return nil
			}
		}
	}
	return []string{fmt.Sprintf("%s: no comment says what the package is for and what it must not do (\"Package x …\")", s.dir)}
}

func (s *sources) names() []string {
	for _, f := range s.files {
		if slices.Contains(vague, f.Name.Name) || slices.Contains(vague, filepath.Base(s.dir)) {
			return []string{fmt.Sprintf("%s: the name %q says nothing of what the package provides", s.dir, f.Name.Name)}
		}
	}
	return nil
}

func (s *sources) lengths() []string {
	var all []string
	for _, f := range s.files {
		if lines := s.set.Position(f.FileEnd).Line; lines > maxLines+1 {
			all = append(all, s.at(f, "the file has %d lines, more than %d", lines, maxLines))
		}
	}
	return all
}

func (s *sources) inits() []string {
	var all []string
	for _, f := range s.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				all = append(all, s.at(fn, "init() acts at a distance: let somebody call it"))
			}
		}
	}
	return all
}

// interfaces counts the methods that an interface lists itself; one that is put
// together of others may be as large as they are.
func (s *sources) interfaces() []string {
	var all []string
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			count := 0
			for _, m := range i.Methods.List {
				count += len(m.Names)
			}
			if count > maxMethods {
				all = append(all, s.at(i, "an interface of %d methods, more than %d: split it by role", count, maxMethods))
			}
			return true
		})
	}
	return all
}

// variables finds package variables that change: assignments to them, and types
// that are there to be changed.
func (s *sources) variables() []string {
	var all []string
	for name, files := range s.byPackage() {
		uses := resolve(name, s.set, files)
		for _, f := range files {
			all = append(all, s.mutableTypes(f)...)
			ast.Inspect(f, func(n ast.Node) bool {
				for _, target := range targets(n) {
					if v := root(target); v != nil && uses(v) {
						all = append(all, s.at(n, "the package variable %s is changed: hold it in a value that somebody makes", v.Name))
					}
				}
				return true
			})
		}
	}
	return all
}

func (s *sources) byPackage() map[string][]*ast.File {
	files := map[string][]*ast.File{}
	for _, f := range s.files {
		if !s.isTest(f) {
			files[f.Name.Name] = append(files[f.Name.Name], f)
		}
	}
	return files
}

func (s *sources) mutableTypes(f *ast.File) []string {
	var all []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			exprs := append([]ast.Expr{v.Type}, v.Values...)
			for _, e := range exprs {
				if name := lockName(e); name != "" {
					all = append(all, s.at(v, "the package variable %s is a %s: state belongs to a value that somebody makes", v.Names[0].Name, name))
				}
			}
		}
	}
	return all
}

// lockName answers the name of a type of sync or sync/atomic that an
// expression is, or makes a value of.
func lockName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return lockName(e.X)
	case *ast.CompositeLit:
		return lockName(e.Type)
	case *ast.IndexExpr: // atomic.Pointer[T]
		return lockName(e.X)
	case *ast.SelectorExpr:
		if p, ok := e.X.(*ast.Ident); ok && (p.Name == "sync" || p.Name == "atomic") {
			return p.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// targets answers what a statement changes.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// root answers x of x, x.f, x[i] and *x.
func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return root(e.X)
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.StarExpr:
		return root(e.X)
	case *ast.ParenExpr:
		return root(e.X)
	}
	return nil
}

// resolve answers whether an identifier is a package variable. It type-checks
// the files alone: imports stay unknown, which does not matter for this.
func resolve(name string, set *token.FileSet, files []*ast.File) func(*ast.Ident) bool {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	c := types.Config{Importer: nowhere{}, Error: func(error) {}}
	pkg, _ := c.Check(name, set, files, info)
	return func(i *ast.Ident) bool {
		v, ok := info.Uses[i].(*types.Var)
		return ok && pkg != nil && v.Parent() == pkg.Scope()
	}
}

type nowhere struct{}

func (nowhere) Import(string) (*types.Package, error) { return nil, errors.New("not looked at") }

func TestSourceRulesComplain(t *testing.T) {
	const doc = "// Package p is a sample.\n"
	for name, test := range map[string]struct {
		dir   string
		files map[string]string
		want  string // in the one complaint; "" for none
	}{
		"nothing wrong":     {files: map[string]string{"a.go": doc + "package p\nvar a = 1\nfunc f() { a := 2; a++; _ = a }"}},
		"no comment":        {files: map[string]string{"a.go": "package p"}, want: "no comment"},
		"idle comment":      {files: map[string]string{"a.go": "// Stuff.\npackage p"}, want: "no comment"},
		"comment elsewhere": {files: map[string]string{"a.go": "package p", "b.go": doc + "package p"}},
		"command":           {files: map[string]string{"a.go": "// Command x does it.\npackage main"}},
		"vague name":        {files: map[string]string{"a.go": "// Package util is.\npackage util"}, want: "says nothing"},
		"vague directory":   {dir: "internal/common", files: map[string]string{"a.go": doc + "package p"}, want: "says nothing"},
		"800 lines":         {files: map[string]string{"a.go": doc + "package p" + strings.Repeat("\n", 799)}},
		"802 lines":         {files: map[string]string{"a.go": doc + "package p" + strings.Repeat("\n", 801)}, want: "lines"},
		"generated":         {files: map[string]string{"a.go": doc + "package p", "b.go": "// Code generated by x. DO NOT EDIT.\n\npackage p" + strings.Repeat("\n", 2000)}},
		"init":              {files: map[string]string{"a.go": doc + "package p\nfunc init() {}"}, want: "init()"},
		"init in a test":    {files: map[string]string{"a_test.go": doc + "package p\nfunc init() {}"}, want: "init()"},
		"method named init": {files: map[string]string{"a.go": doc + "package p\ntype t int\nfunc (t) init() {}"}},
		"seven methods":     {files: map[string]string{"a.go": doc + "package p\ntype i interface { A(); B(); C(); D(); E(); F(); G(); error }"}},
		"eight methods":     {files: map[string]string{"a.go": doc + "package p\ntype i interface { A(); B(); C(); D(); E(); F(); G(); H() }"}, want: "8 methods"},
		"assigned":          {files: map[string]string{"a.go": doc + "package p\nvar a int", "b.go": "package p\nfunc f() { a = 1 }"}, want: "variable a is changed"},
		"assigned under ()": {files: map[string]string{"a.go": doc + "package p\nvar a = &struct{x int}{}\nfunc f() { (*a).x = 1 }"}, want: "variable a is changed"},
		"counted":           {files: map[string]string{"a.go": doc + "package p\nvar a int\nfunc f() { a++ }"}, want: "variable a is changed"},
		"element":           {files: map[string]string{"a.go": doc + "package p\nvar a = map[int]int{}\nfunc f() { a[1] = 1 }"}, want: "variable a is changed"},
		"deleted":           {files: map[string]string{"a.go": doc + "package p\nvar a = map[int]int{}\nfunc f() { delete(a, 1) }"}, want: "variable a is changed"},
		"ranged over":       {files: map[string]string{"a.go": doc + "package p\nvar a int\nfunc f() { for a = range 3 {} }"}, want: "variable a is changed"},
		"unknown import":    {files: map[string]string{"a.go": doc + "package p\nimport \"example.com/x\"\nvar a = x.New()\nfunc f() { a = nil }"}, want: "variable a is changed"},
		"by a test":         {files: map[string]string{"a.go": doc + "package p\nvar a int", "a_test.go": "package p\nfunc f() { a = 1 }"}},
		"lock":              {files: map[string]string{"a.go": doc + "package p\nvar a sync.Mutex"}, want: "sync.Mutex"},
		"pool":              {files: map[string]string{"a.go": doc + "package p\nvar a = &sync.Pool{}"}, want: "sync.Pool"},
		"atomic":            {files: map[string]string{"a.go": doc + "package p\nvar a atomic.Pointer[int]"}, want: "atomic.Pointer"},
		"once value":        {files: map[string]string{"a.go": doc + "package p\nvar a = sync.OnceValue(f)\nfunc f() int { return 1 }"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.dir == "" {
				test.dir = "internal/p"
			}
			s, err := parse(test.dir, test.files)
			if err != nil {
				t.Fatal(err)
			}
			got := s.complaints()
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("complaints %q, want one with %q", got, test.want)
			}
		})
	}
}
