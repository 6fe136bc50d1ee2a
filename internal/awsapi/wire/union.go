package wire

import (
	"fmt"
	"reflect"
	"strings"
)

// Union is a member that is one of several structures. The SDK makes an interface
// of it, with a type for each of them that has the structure as its Value.
type Union struct {
	of      reflect.Type
	members []reflect.Type // pointers
}

// UnionOf names the members of a union; those that are not named are unknown.
func UnionOf[I any](members ...I) Union {
	u := Union{of: reflect.TypeFor[I]()}
	for _, m := range members {
		u.members = append(u.members, reflect.TypeOf(m))
	}
	return u
}

// alternative is a member of a union.
type alternative struct {
	member reflect.Type // of what the pointer points to
	prefix []byte
	plan   *plan
}

func (c *Codec) compileUnion(t reflect.Type, p *plan, fresh map[reflect.Type]*plan) error {
	u, ok := c.unions[t]
	if !ok {
		return fmt.Errorf("wire: no JSON form for the type %s", t)
	}
	byName, byType := map[string]alternative{}, map[reflect.Type]alternative{}
	for _, m := range u.members {
		of := m.Elem()
		value, ok := of.FieldByName("Value")
		if !ok {
			return fmt.Errorf("wire: %s is no member of a union", m)
		}
		vp, err := c.compile(value.Type, fresh)
		if err != nil {
			return err
		}
		name := c.names(t, strings.TrimPrefix(of.Name(), t.Name()+"Member"))
		a := alternative{member: of, prefix: append(appendString([]byte{'{'}, name), ':'), plan: vp}
		byName[name], byType[of] = a, a
	}
	p.absent = isNil
	p.encode = func(dst []byte, v reflect.Value) []byte {
		v = v.Elem().Elem()
		a, ok := byType[v.Type()]
		if !ok {
			return append(dst, "{}"...)
		}
		return append(a.plan.encode(append(dst, a.prefix...), v.FieldByName("Value")), '}')
	}
	p.decode = func(d *decoder, v reflect.Value) error { return decodeUnion(d, v, byName) }
	return nil
}

// decodeUnion reads a structure that must have one member, which is known.
func decodeUnion(d *decoder, v reflect.Value, byName map[string]alternative) error {
	if d.peek() != '{' {
		return d.mismatch("a structure")
	}
	if err := d.enter(); err != nil {
		return err
	}
	set := 0
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		a, known := byName[string(key)]
		if null, err := d.null(); err != nil {
			return err
		} else if null {
			continue
		}
		set++
		if !known {
			return errorf("A union has a member that is not known")
		}
		target := reflect.New(a.member)
		if err := a.plan.decode(d, target.Elem().FieldByName("Value")); err != nil {
			return err
		}
		v.Set(target)
	}
	if set != 1 {
		return errorf("A union must have exactly one member")
	}
	return nil
}
