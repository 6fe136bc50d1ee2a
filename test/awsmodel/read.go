package awsmodel

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	apiVersion = "2015-09-21"
	sdkModule  = "github.com/aws/aws-sdk-go-v2/service/ecr"
	// isRequired is how the SDK documents a member that a request must have.
	isRequired = "This member is required."
)

// kinds are the types of botocore by those of the SDK.
func kinds() map[string]string {
	return map[string]string{
		"ShapeTypeBlob": "blob", "ShapeTypeBoolean": "boolean", "ShapeTypeDouble": "double", "ShapeTypeEnum": "string",
		"ShapeTypeInteger": "integer", "ShapeTypeList": "list", "ShapeTypeLong": "long", "ShapeTypeMap": "map",
		"ShapeTypeString": "string", "ShapeTypeStructure": "structure", "ShapeTypeTimestamp": "timestamp",
	}
}

// Read makes the model of ECR from the SDK's source. dir is in a module that
// requires the SDK.
func Read(dir string) (*Model, error) {
	source, err := sourceOf(dir, sdkModule)
	if err != nil {
		return nil, err
	}
	r := reader{
		source: source, kinds: kinds(),
		shapes: map[string]*Shape{}, named: map[string]string{}, enums: map[string]bool{},
		model: &Model{
			Version: "2.0", Metadata: metadata(), Operations: map[string]Operation{},
			folder: "ecr", paginators: paginators, waiters: waiters,
		},
	}
	for _, step := range []func() error{r.readShapes, r.readEnums, r.readOperations, r.readRequired, r.check} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("reading the source of %s: %w", sdkModule, err)
		}
	}
	return r.model, nil
}

// sourceOf answers where the source of a module is.
func sourceOf(dir, module string) (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("looking for the source of %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

type reader struct {
	source string
	kinds  map[string]string
	model  *Model
	// shapes and named are by the variables of the SDK's package schemas.
	shapes map[string]*Shape
	named  map[string]string
	enums  map[string]bool
}

// each parses files of the SDK and visits all that is in them.
func (r *reader) each(pattern string, visit func(ast.Node) error) error {
	files, err := filepath.Glob(filepath.Join(r.source, pattern))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no %s", pattern)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if err == nil && n != nil {
				err = visit(n)
			}
			return err == nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// readShapes reads declarations as
//
//	var X = smithy.NewSchema(smithy.ShapeID{…, Name: "X"}, smithy.ShapeTypeStructure, 1, &smithytraits.Error{…})
//
// and then, because members may refer to what is declared later,
//
//	X_member = X.AddMember("member", Y)
func (r *reader) readShapes() error {
	err := r.each("schemas/schemas.go", func(n ast.Node) error {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if call := callOf(v.Values[0], "NewSchema"); call != nil {
				return r.declare(v.Names[0].Name, call)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.each("schemas/schemas.go", func(n ast.Node) error {
		if call, ok := n.(*ast.CallExpr); ok && callOf(call, "AddMember") != nil {
			return r.addMember(call)
		}
		return nil
	})
}

func (r *reader) declare(variable string, call *ast.CallExpr) error {
	kind := selected(call.Args[1])
	if kind == "ShapeTypeOperation" || kind == "ShapeTypeService" {
		return nil
	}
	shape := &Shape{Type: r.kinds[kind]}
	if shape.Type == "" {
		return fmt.Errorf("%s has the unknown type %s", variable, kind)
	}
	if shape.Type == "structure" {
		shape.Members = Members{}
	}
	for _, trait := range call.Args[3:] {
		r.readTrait(shape, trait)
	}
	name := strings.TrimPrefix(variable, "_")
	r.enums[name] = kind == "ShapeTypeEnum"
	r.shapes[variable], r.named[variable] = shape, name
	return nil
}

func (r *reader) readTrait(shape *Shape, trait ast.Expr) {
	pointer, ok := trait.(*ast.UnaryExpr)
	if !ok {
		return
	}
	literal, ok := pointer.X.(*ast.CompositeLit)
	if !ok || selected(literal.Type) != "Error" {
		return
	}
	shape.Exception = true
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			shape.Fault = shape.Fault || text(pair.Value) == "server"
		}
	}
}

func (r *reader) addMember(call *ast.CallExpr) error {
	owner := r.shapes[call.Fun.(*ast.SelectorExpr).X.(*ast.Ident).Name]
	if owner == nil {
		return fmt.Errorf("a member of nothing known")
	}
	name, target := text(call.Args[0]), call.Args[1]
	variable, ok := target.(*ast.Ident)
	if !ok {
		return nil // a value of an enumeration: its name is not what is sent
	}
	ref := Ref{r.named[variable.Name]}
	switch {
	case ref.Shape == "":
		return fmt.Errorf("the member %s is of the unknown type %s", name, variable.Name)
	case owner.Type == "structure":
		owner.Members = append(owner.Members, Member{Name: name, Ref: ref})
	case owner.Type == "list" && name == "member":
		owner.Member = &ref
	case owner.Type == "map" && name == "key":
		owner.Key = &ref
	case owner.Type == "map" && name == "value":
		owner.Value = &ref
	default:
		return fmt.Errorf("a %s has the member %s", owner.Type, name)
	}
	return nil
}

// readEnums reads constants as XValue X = "VALUE", and publishes the shapes.
func (r *reader) readEnums() error {
	r.model.Shapes = map[string]*Shape{}
	for variable, shape := range r.shapes {
		r.model.Shapes[r.named[variable]] = shape
	}
	return r.each("types/enums.go", func(n ast.Node) error {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return nil
		}
		of, ok := v.Type.(*ast.Ident)
		if !ok || !r.enums[of.Name] {
			return fmt.Errorf("%s is of no known enumeration", v.Names[0].Name)
		}
		shape := r.model.Shapes[of.Name]
		shape.Enum = append(shape.Enum, text(v.Values[0]))
		return nil
	})
}

// readOperations reads calls as smithy.NewOperationSchema(schemas.Op,
// schemas.OpRequest, schemas.OpResponse).
func (r *reader) readOperations() error {
	return r.each("api_op_*.go", func(n ast.Node) error {
		expression, _ := n.(ast.Expr)
		call := callOf(expression, "NewOperationSchema")
		if call == nil {
			return nil
		}
		name, input, output := selected(call.Args[0]), selected(call.Args[1]), selected(call.Args[2])
		r.model.Operations[name] = Operation{
			Name: name, HTTP: HTTP{"POST", "/"}, Input: Ref{r.named[input]}, Output: Ref{r.named[output]},
		}
		return nil
	})
}

// readRequired reads the comments of the members of structures.
func (r *reader) readRequired() error {
	visit := func(n ast.Node) error {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return nil
		}
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			return nil
		}
		if shape := r.shapeOf(spec.Name.Name); shape != nil {
			return requireDocumented(shape, fields)
		}
		return nil
	}
	if err := r.each("types/types.go", visit); err != nil {
		return err
	}
	return r.each("api_op_*.go", visit)
}

// shapeOf answers what a type of the SDK stands for: XInput and XOutput are
// called otherwise on the wire.
func (r *reader) shapeOf(name string) *Shape {
	if operation, ok := r.model.Operations[strings.TrimSuffix(name, "Input")]; ok {
		return r.model.Shapes[operation.Input.Shape]
	}
	if operation, ok := r.model.Operations[strings.TrimSuffix(name, "Output")]; ok {
		return r.model.Shapes[operation.Output.Shape]
	}
	return r.model.Shapes[name]
}

func requireDocumented(shape *Shape, fields *ast.StructType) error {
	for _, field := range fields.Fields.List {
		if len(field.Names) != 1 || !strings.Contains(field.Doc.Text(), isRequired) {
			continue
		}
		i := slices.IndexFunc(shape.Members, func(m Member) bool { return strings.EqualFold(m.Name, field.Names[0].Name) })
		if i < 0 {
			return fmt.Errorf("the required member %s is not in the schema", field.Names[0].Name)
		}
		shape.Required = append(shape.Required, shape.Members[i].Name)
	}
	return nil
}

// check sees whether all was found: a generator of the SDK that writes
// something else must not lead to a model that lacks it.
func (r *reader) check() error {
	if len(r.model.Operations) == 0 {
		return fmt.Errorf("no operations found")
	}
	for name, operation := range r.model.Operations {
		if r.model.Shapes[operation.Input.Shape] == nil || r.model.Shapes[operation.Output.Shape] == nil {
			return fmt.Errorf("%s lacks its input or output", name)
		}
	}
	for name, shape := range r.model.Shapes {
		switch {
		case shape.Type == "list" && shape.Member == nil, shape.Type == "map" && (shape.Key == nil || shape.Value == nil):
			return fmt.Errorf("the %s %s lacks what it is of", shape.Type, name)
		case r.enums[name] && len(shape.Enum) == 0:
			return fmt.Errorf("the enumeration %s has no values", name)
		}
	}
	return nil
}

// callOf answers e if it calls something of that name with a dot before it.
func callOf(e ast.Expr, function string) *ast.CallExpr {
	if call, ok := e.(*ast.CallExpr); ok && selected(call.Fun) == function {
		return call
	}
	return nil
}

// selected answers b of a.b.
func selected(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}

// text answers the value of a literal.
func text(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}
