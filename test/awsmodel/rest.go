package awsmodel

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// inspectorMetadata is what clients have to know of Inspector.
func inspectorMetadata() map[string]any {
	return map[string]any{
		"apiVersion": inspectorVersion, "endpointPrefix": "inspector2",
		"protocol": "rest-json", "protocols": []string{"rest-json"}, "auth": []string{"aws.auth#sigv4"},
		"serviceAbbreviation": "Inspector2", "serviceFullName": "Inspector2", "serviceId": "Inspector2",
		"signatureVersion": "v4", "signingName": "inspector2", "uid": "inspector2-" + inspectorVersion,
	}
}

const (
	inspectorVersion = "2020-06-08"
	inspectorModule  = "github.com/aws/aws-sdk-go-v2/service/inspector2"
	restSerializer   = "awsRestjson1_serializeOp"
)

// ReadInspector makes the model of Inspector's API. Its SDK has no schemas: what
// they would say is read from the types, and from how they are sent. dir is in a
// module that requires the SDK.
func ReadInspector(dir string) (*Model, error) {
	source, err := sourceOf(dir, inspectorModule)
	if err != nil {
		return nil, err
	}
	r := restReader{
		reader: reader{source: source, enums: map[string]bool{}, model: &Model{
			Version: "2.0", Metadata: inspectorMetadata(), Operations: map[string]Operation{}, Shapes: map[string]*Shape{},
			folder: "inspector2", paginators: inspectorPaginators,
		}},
		structs: map[string]*ast.StructType{}, variants: map[string][]string{},
	}
	for _, step := range []func() error{r.readTypes, r.readVariants, r.makeShapes, r.readValues, r.readRoutes, r.readRequired, r.check} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("reading the source of %s: %w", inspectorModule, err)
		}
	}
	return r.model, nil
}

type restReader struct {
	reader
	structs  map[string]*ast.StructType
	variants map[string][]string // the types of each union
}

// readTypes reads declarations as
//
//	type X struct {…}
//	type X string
func (r *restReader) readTypes() error {
	visit := func(n ast.Node) error {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return nil
		}
		switch of := spec.Type.(type) {
		case *ast.StructType:
			r.structs[spec.Name.Name] = of
		case *ast.InterfaceType:
			r.variants[spec.Name.Name] = nil
		case *ast.Ident:
			r.enums[spec.Name.Name] = of.Name == "string"
		}
		return nil
	}
	for _, pattern := range []string{"types/types.go", "types/errors.go", "types/enums.go", "api_op_*.go"} {
		if err := r.each(pattern, visit); err != nil {
			return err
		}
	}
	return nil
}

// readVariants reads methods as func (*XMemberY) isX() {}.
func (r *restReader) readVariants() error {
	return r.each("types/types.go", func(n ast.Node) error {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			return nil
		}
		union, ok := strings.CutPrefix(f.Name.Name, "is")
		variant := nameOf(f.Recv.List[0].Type)
		if ok && strings.HasPrefix(variant, union+"Member") {
			r.variants[union] = append(r.variants[union], variant)
		}
		return nil
	})
}

// makeShapes makes a shape of each type. The types that clients have no use for
// are not told apart: nothing refers to them.
func (r *restReader) makeShapes() error {
	for _, kind := range []string{"string", "boolean", "integer", "long", "double", "timestamp", "blob"} {
		r.model.Shapes[title(kind)] = &Shape{Type: kind}
	}
	for name := range r.enums {
		r.model.Shapes[name] = &Shape{Type: "string"}
	}
	for name, of := range r.structs {
		shape := &Shape{Type: "structure", Members: Members{}}
		for _, f := range of.Fields.List {
			if len(f.Names) != 1 || !f.Names[0].IsExported() || nameOf(f.Type) == "Metadata" {
				continue
			}
			if err := r.addTo(shape, memberName(name, f.Names[0].Name), f.Type); err != nil {
				return fmt.Errorf("%s.%s: %w", name, f.Names[0].Name, err)
			}
		}
		r.model.Shapes[name] = shape
	}
	return r.makeUnions()
}

func (r *restReader) makeUnions() error {
	for name, variants := range r.variants {
		shape := &Shape{Type: "structure", Members: Members{}}
		for _, variant := range variants {
			value := r.structs[variant].Fields.List[0]
			if err := r.addTo(shape, memberName(name, strings.TrimPrefix(variant, name+"Member")), value.Type); err != nil {
				return fmt.Errorf("%s: %w", variant, err)
			}
		}
		r.model.Shapes[name] = shape
	}
	return r.makeExceptions()
}

// makeExceptions marks what types/errors.go declares, as clients know it.
func (r *restReader) makeExceptions() error {
	return r.each("types/errors.go", func(n ast.Node) error {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return nil
		}
		shape := r.model.Shapes[spec.Name.Name]
		shape.Exception, shape.Fault = true, spec.Name.Name == "InternalServerException"
		// What the SDK's client keeps beside.
		shape.Members = slices.DeleteFunc(shape.Members, func(m Member) bool { return m.Name == "errorCodeOverride" })
		return nil
	})
}

func (r *restReader) addTo(shape *Shape, name string, of ast.Expr) error {
	target, err := r.shapeName(of)
	shape.Members = append(shape.Members, Member{Name: name, Ref: Ref{Shape: target}})
	return err
}

// shapeName answers the name of the shape of a type, which it makes if it is a
// list or a map.
func (r *restReader) shapeName(of ast.Expr) (string, error) {
	switch t := of.(type) {
	case *ast.StarExpr:
		return r.shapeName(t.X)
	case *ast.ArrayType:
		if nameOf(t.Elt) == "byte" {
			return "Blob", nil
		}
		each, err := r.shapeName(t.Elt)
		r.model.Shapes[each+"List"] = &Shape{Type: "list", Member: &Ref{Shape: each}}
		return each + "List", err
	case *ast.MapType:
		value, err := r.shapeName(t.Value)
		r.model.Shapes[value+"Map"] = &Shape{Type: "map", Key: &Ref{Shape: "String"}, Value: &Ref{Shape: value}}
		return value + "Map", err
	}
	if s, ok := of.(*ast.SelectorExpr); ok && nameOf(s.X) == "time" {
		return "Timestamp", nil // there is another Time
	}
	switch name := nameOf(of); name {
	case "string":
		return "String", nil
	case "bool":
		return "Boolean", nil
	case "int32":
		return "Integer", nil
	case "int64":
		return "Long", nil
	case "float64":
		return "Double", nil
	default:
		_, union := r.variants[name]
		if r.structs[name] == nil && !r.enums[name] && !union {
			return "", fmt.Errorf("the type %s is unknown", name)
		}
		return name, nil
	}
}

// readValues reads constants as XValue X = "VALUE".
func (r *restReader) readValues() error {
	return r.each("types/enums.go", func(n ast.Node) error {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return nil
		}
		shape := r.model.Shapes[nameOf(v.Type)]
		shape.Enum = append(shape.Enum, text(v.Values[0]))
		return nil
	})
}

// readRoutes reads how operations are sent:
//
//	func (m *…_serializeOpX) HandleSerialize(…) {… SplitURI("/path") … request.Method = "POST" …}
//	func …_serializeOpHttpBindingsXInput(…) {… encoder.SetURI("a") … encoder.AddQuery("b") …}
func (r *restReader) readRoutes() error {
	return r.each("serializers.go", func(n ast.Node) error {
		f, ok := n.(*ast.FuncDecl)
		if !ok {
			return nil
		}
		if f.Recv != nil {
			if name, ok := strings.CutPrefix(nameOf(f.Recv.List[0].Type), restSerializer); ok {
				r.model.Operations[name] = Operation{
					Name: name, HTTP: httpOf(f), Input: Ref{name + "Input"}, Output: Ref{name + "Output"},
				}
			}
			return nil
		}
		input, ok := strings.CutPrefix(f.Name.Name, restSerializer+"HttpBindings")
		if !ok {
			return nil
		}
		return r.locate(r.model.Shapes[input], f)
	})
}

func httpOf(f *ast.FuncDecl) (h HTTP) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if callOf(n, "SplitURI") != nil {
				h.RequestURI = text(n.Args[0])
			}
		case *ast.AssignStmt:
			if selected(n.Lhs[0]) == "Method" {
				h.Method = text(n.Rhs[0])
			}
		}
		return true
	})
	return h
}

// locate notes which members are in the path or the query.
func (r *restReader) locate(shape *Shape, f *ast.FuncDecl) error {
	var err error
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || text(call.Args[0]) == "" {
			return true
		}
		location := map[string]string{"SetURI": "uri", "SetQuery": "querystring", "AddQuery": "querystring"}[selected(call.Fun)]
		if location == "" {
			return true
		}
		name := text(call.Args[0])
		i := slices.IndexFunc(shape.Members, func(m Member) bool { return m.Name == name })
		if i < 0 {
			err = fmt.Errorf("%s has no member %s", f.Name.Name, name)
			return false
		}
		shape.Members[i].Location, shape.Members[i].LocationName = location, name
		return true
	})
	return err
}

// memberName is how a member is called on the wire: one is spelled otherwise than
// all others.
func memberName(of, field string) string {
	if of == "Recommendation" && field == "Url" {
		return field
	}
	return strings.ToLower(field[:1]) + field[1:]
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// nameOf answers X of X, *X and p.X.
func nameOf(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return nameOf(t.X)
	case *ast.SelectorExpr:
		return t.Sel.Name
	}
	return ""
}
