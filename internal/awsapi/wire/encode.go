package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"
)

// Append writes v, a struct or a pointer to one, behind dst. Members that are
// not set are left out; lists and maps that are set but empty are written.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			return append(dst, "{}"...), nil
		}
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Struct {
		return nil, fmt.Errorf("wire: cannot encode %T as a structure", v)
	}
	p, err := c.planOf(rv.Type())
	if err != nil {
		return nil, err
	}
	return p.encode(dst, rv), nil
}

func encodeStruct(dst []byte, v reflect.Value, members []member) []byte {
	dst = append(dst, '{')
	first := true
	for i := range members {
		m := &members[i]
		f := v.Field(m.index)
		if m.plan.absent != nil && m.plan.absent(f) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, m.prefix...)
		dst = m.plan.encode(dst, f)
	}
	return append(dst, '}')
}

func encodeList(dst []byte, v reflect.Value, elem *plan) []byte {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = elem.encode(dst, v.Index(i))
	}
	return append(dst, ']')
}

// encodeMap sorts the keys: equal answers are equal bytes.
func encodeMap(dst []byte, v reflect.Value, elem *plan) []byte {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, k.String())
		dst = append(dst, ':')
		dst = elem.encode(dst, v.MapIndex(k))
	}
	return append(dst, '}')
}

func encodeString(dst []byte, v reflect.Value) []byte { return appendString(dst, v.String()) }
func encodeBool(dst []byte, v reflect.Value) []byte   { return strconv.AppendBool(dst, v.Bool()) }
func encodeInt(dst []byte, v reflect.Value) []byte    { return strconv.AppendInt(dst, v.Int(), 10) }

func encodeFloat(dst []byte, v reflect.Value) []byte {
	f := v.Float()
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, v.Type().Bits())
	for _, b := range dst[start:] {
		if b == '.' || b == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...) // clients that guess types must see a float
}

// encodeTime writes epoch seconds with a fraction of at most milliseconds,
// which is all that the SDKs read.
func encodeTime(dst []byte, v reflect.Value) []byte {
	t, _ := reflect.TypeAssert[time.Time](v)
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	dst = append(dst, '.')
	frac := ms % 1000
	if frac == 0 {
		return append(dst, '0')
	}
	digits := [3]byte{byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
	n := 3
	for digits[n-1] == '0' {
		n--
	}
	return append(dst, digits[:n]...)
}

func encodeBytes(dst []byte, v reflect.Value) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
	return append(dst, '"')
}

// AppendString writes s as a JSON string behind dst.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }

func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + size
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
