package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"time"
)

// Decode reads data, one JSON object or nothing at all, into the struct that
// v points to. It writes over data: a blob is decoded in place and stays part
// of it, so that a part of a layer is held once and not twice. The caller
// gives data away and must not use it for anything else while v lives.
func (c *Codec) Decode(data []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("wire: cannot decode into %T", v)
	}
	p, err := c.planOf(rv.Type().Elem())
	if err != nil {
		return err
	}
	d := &decoder{data: data}
	if d.peek(); d.pos == len(data) {
		return nil // some clients send no body where they mean {}
	}
	if err := p.decode(d, rv.Elem()); err != nil {
		return err
	}
	if d.peek(); d.pos != len(data) {
		return d.unexpected()
	}
	return nil
}

func decodeStruct(d *decoder, v reflect.Value, members []member, byName map[string]int) error {
	if d.peek() != '{' {
		return d.mismatch("a structure")
	}
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := d.key()
		if err != nil {
			return err
		}
		i, known := byName[string(name)]
		if !known {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if err := decodeMember(d, v.Field(members[i].index), members[i].plan); err != nil {
			return err
		}
	}
}

// decodeMember reads one member; null is the same as not there.
func decodeMember(d *decoder, v reflect.Value, p *plan) error {
	null, err := d.null()
	if err != nil {
		return err
	}
	if null {
		v.SetZero()
		return nil
	}
	return p.decode(d, v)
}

func decodeList(d *decoder, v reflect.Value, elem *plan) error {
	if d.peek() != '[' {
		return d.mismatch("a List")
	}
	if err := d.enter(); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for n := 0; ; n++ {
		more, err := d.more(n == 0, ']')
		if err != nil || !more {
			return err
		}
		if d.peek() == 'n' {
			return errorf("A list must not hold null")
		}
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		if err := elem.decode(d, v.Index(n)); err != nil {
			return err
		}
	}
}

func decodeMap(d *decoder, v reflect.Value, elem *plan) error {
	if d.peek() != '{' {
		return d.mismatch("a Map")
	}
	if err := d.enter(); err != nil {
		return err
	}
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := d.key()
		if err != nil {
			return err
		}
		key := reflect.New(t.Key()).Elem()
		key.SetString(string(name))
		if null, err := d.null(); err != nil {
			return err
		} else if null {
			continue
		}
		value := reflect.New(t.Elem()).Elem()
		if err := elem.decode(d, value); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
}

func decodeString(d *decoder, v reflect.Value) error {
	if d.peek() != '"' {
		return d.mismatch("a String")
	}
	s, err := d.text()
	if err != nil {
		return err
	}
	v.SetString(string(s))
	return nil
}

func decodeBool(d *decoder, v reflect.Value) error {
	switch d.peek() {
	case 't':
		v.SetBool(true)
		return d.literal("true")
	case 'f':
		v.SetBool(false)
		return d.literal("false")
	default:
		return d.mismatch("a Boolean")
	}
}

func decodeInt(d *decoder, v reflect.Value) error {
	text, fractional, err := d.numberFor("an Integer")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if fractional {
		n, err = wholeNumber(text)
	}
	if err != nil || v.OverflowInt(n) {
		return errorf("NUMBER_VALUE can not be converted to an Integer")
	}
	v.SetInt(n)
	return nil
}

// wholeNumber reads forms like 1.0 and 1e3, which clients without integers send.
func wholeNumber(text []byte) (int64, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, err
	}
	n, acc := big.NewFloat(f).Int64()
	if acc != big.Exact {
		return 0, strconv.ErrRange
	}
	return n, nil
}

func decodeFloat(d *decoder, v reflect.Value) error {
	text, _, err := d.numberFor("a Float")
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || v.OverflowFloat(f) {
		return errorf("NUMBER_VALUE can not be converted to a Float")
	}
	v.SetFloat(f)
	return nil
}

func decodeTime(d *decoder, v reflect.Value) error {
	text, _, err := d.numberFor("a Timestamp")
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	// The bound is the year 9999, the last that other formats can write.
	if err != nil || math.Abs(f) > 253402300799 {
		return errorf("NUMBER_VALUE can not be converted to a Timestamp")
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(f * 1000))).UTC()))
	return nil
}

func decodeBytes(d *decoder, v reflect.Value) error {
	if d.peek() != '"' {
		return d.mismatch("a Blob")
	}
	raw, escaped, err := d.quoted()
	if err != nil {
		return err
	}
	if escaped {
		if raw, err = unescape(raw, d.pos); err != nil {
			return err
		}
	}
	n, err := base64.StdEncoding.Decode(raw, raw)
	if err != nil {
		return errorf("A Blob is not valid base64")
	}
	// The capacity ends with the blob: what lies behind is still being decoded.
	v.SetBytes(raw[:n:n])
	return nil
}

func (d *decoder) numberFor(want string) ([]byte, bool, error) {
	if b := d.peek(); b != '-' && (b < '0' || b > '9') {
		return nil, false, d.mismatch(want)
	}
	return d.number()
}

// mismatch says what was found where want should be, in the words that AWS
// services use.
func (d *decoder) mismatch(want string) error {
	switch b := d.peek(); {
	case b == '{':
		return errorf("Start of structure or map found where not expected.")
	case b == '[':
		return errorf("Start of list found where not expected")
	case foundAs(b) == "":
		return d.unexpected()
	case want == "a List":
		return errorf("Expected list or null")
	case want == "a structure" || want == "a Map":
		return errorf("Expected %s or null", want)
	default:
		return errorf("%s can not be converted to %s", foundAs(b), want)
	}
}

// foundAs names the simple value that begins with b, "" when none does.
func foundAs(b byte) string {
	switch {
	case b == '"':
		return "STRING_VALUE"
	case b == 't':
		return "TRUE_VALUE"
	case b == 'f':
		return "FALSE_VALUE"
	case b == 'n':
		return "NULL_VALUE"
	case b == '-' || b >= '0' && b <= '9':
		return "NUMBER_VALUE"
	default:
		return ""
	}
}
