package wire

import (
	"fmt"
	"reflect"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Names answers how field of the struct type is called on the wire.
type Names func(structure reflect.Type, field string) string

// LowerCamel is the rule of most JSON services: the Go name with a small
// first letter.
func LowerCamel(_ reflect.Type, field string) string {
	r, n := utf8.DecodeRuneInString(field)
	return string(unicode.ToLower(r)) + field[n:]
}

// Error is a body that cannot be read as what it should be. Its text is meant
// for the client.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// Codec encodes and decodes the types of one service. It is safe for
// concurrent use.
type Codec struct {
	names  Names
	unions map[reflect.Type]Union

	mu    sync.RWMutex
	plans map[reflect.Type]*plan
}

// New makes a codec for a service that names its members by names.
func New(names Names, unions ...Union) *Codec {
	c := &Codec{names: names, unions: map[reflect.Type]Union{}, plans: map[reflect.Type]*plan{}}
	for _, u := range unions {
		c.unions[u.of] = u
	}
	return c
}

// plan is what to do with values of one type.
type plan struct {
	decode func(d *decoder, v reflect.Value) error
	encode func(dst []byte, v reflect.Value) []byte
	// absent tells whether v stands for a member that is not there. Nil means
	// that every value of the type is written, as for plain numbers and bools.
	absent func(v reflect.Value) bool
}

// Prepare works out the plan of t, so that an unsupported type shows when the
// server starts and not at its first request.
func (c *Codec) Prepare(t reflect.Type) error {
	_, err := c.planOf(t)
	return err
}

func (c *Codec) planOf(t reflect.Type) (*plan, error) {
	c.mu.RLock()
	p := c.plans[t]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// A type that refers to itself finds its own, still empty, plan in fresh;
	// nothing is published before the whole graph is complete.
	fresh := map[reflect.Type]*plan{}
	p, err := c.compile(t, fresh)
	if err != nil {
		return nil, err
	}
	for t, p := range fresh {
		c.plans[t] = p
	}
	return p, nil
}

func (c *Codec) compile(t reflect.Type, fresh map[reflect.Type]*plan) (*plan, error) {
	if p := c.plans[t]; p != nil {
		return p, nil
	}
	if p := fresh[t]; p != nil {
		return p, nil
	}
	p := &plan{}
	fresh[t] = p
	var err error
	switch {
	case t == reflect.TypeFor[time.Time]():
		p.decode, p.encode = decodeTime, encodeTime
	case t == reflect.TypeFor[[]byte]():
		p.decode, p.encode, p.absent = decodeBytes, encodeBytes, isNil
	default:
		err = c.compileKind(t, p, fresh)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Codec) compileKind(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	switch t.Kind() {
	case reflect.String:
		// A plain string in an SDK type is an enum, and its empty value is unset.
		p.decode, p.encode, p.absent = decodeString, encodeString, isEmpty
	case reflect.Bool:
		p.decode, p.encode = decodeBool, encodeBool
	case reflect.Int32, reflect.Int64:
		p.decode, p.encode = decodeInt, encodeInt
	case reflect.Float32, reflect.Float64:
		p.decode, p.encode = decodeFloat, encodeFloat
	case reflect.Pointer:
		return c.compilePointer(t, p, fresh)
	case reflect.Slice:
		return c.compileSlice(t, p, fresh)
	case reflect.Map:
		return c.compileMap(t, p, fresh)
	case reflect.Struct:
		return c.compileStruct(t, p, fresh)
	case reflect.Interface:
		return c.compileUnion(t, p, fresh)
	default:
		return fmt.Errorf("wire: no JSON form for the type %s", t)
	}
	return nil
}

func (c *Codec) compilePointer(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	elem, err := c.compile(t.Elem(), fresh)
	if err != nil {
		return err
	}
	p.absent = isNil
	p.encode = func(dst []byte, v reflect.Value) []byte { return elem.encode(dst, v.Elem()) }
	p.decode = func(d *decoder, v reflect.Value) error {
		target := reflect.New(t.Elem())
		if err := elem.decode(d, target.Elem()); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	return nil
}

func (c *Codec) compileSlice(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	elem, err := c.compile(t.Elem(), fresh)
	if err != nil {
		return err
	}
	p.absent = isNil
	p.encode = func(dst []byte, v reflect.Value) []byte { return encodeList(dst, v, elem) }
	p.decode = func(d *decoder, v reflect.Value) error { return decodeList(d, v, elem) }
	return nil
}

func (c *Codec) compileMap(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	if t.Key().Kind() != reflect.String {
		return fmt.Errorf("wire: no JSON form for the key of %s", t)
	}
	elem, err := c.compile(t.Elem(), fresh)
	if err != nil {
		return err
	}
	p.absent = isNil
	p.encode = func(dst []byte, v reflect.Value) []byte { return encodeMap(dst, v, elem) }
	p.decode = func(d *decoder, v reflect.Value) error { return decodeMap(d, v, elem) }
	return nil
}

// member is one field of a struct as it appears on the wire.
type member struct {
	index  int
	prefix []byte // "name":
	plan   *plan
}

// isMember leaves out what the SDK adds for itself: the result metadata and
// the markers that are not exported.
func isMember(f reflect.StructField) bool {
	return f.IsExported() && !f.Anonymous && f.Name != "ResultMetadata"
}

func (c *Codec) compileStruct(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	members := make([]member, 0, t.NumField())
	byName := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if !isMember(f) {
			continue
		}
		fp, err := c.compile(f.Type, fresh)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		name := c.names(t, f.Name)
		byName[name] = len(members)
		members = append(members, member{index: i, prefix: append(appendString(nil, name), ':'), plan: fp})
	}
	p.encode = func(dst []byte, v reflect.Value) []byte { return encodeStruct(dst, v, members) }
	p.decode = func(d *decoder, v reflect.Value) error { return decodeStruct(d, v, members, byName) }
	return nil
}

func isNil(v reflect.Value) bool   { return v.IsNil() }
func isEmpty(v reflect.Value) bool { return v.Len() == 0 }
