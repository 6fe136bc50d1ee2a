package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
)

func TestRecordRoundTrip(t *testing.T) {
	records := map[string]*LayerRecord{
		"empty": {},
		"all kinds": readLayer(t, tarOf(t, file("etc/os-release", "ID=x\nID_LIKE='a b'"), symlink("lib", "usr/lib"), dir("usr"), file(status, dpkg("a 1:2-3", "b 99999999999:1")),
			file(statusDir+"broken", "x"), file(statusDir+"empty", ""), whiteout("x/.wh.y"), whiteout("z/.wh..wh..opq"), file("some/file", ""))),
	}
	for _, image := range images[:3] {
		records[image.file] = readLayer(t, layerFile(t, image.file))
	}
	for name, r := range records {
		data, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back LayerRecord
		if err := back.UnmarshalBinary(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, _ := back.MarshalBinary()
		if !bytes.Equal(again, data) {
			t.Errorf("%s: encoding what was decoded gives other bytes", name)
		}
		for i := range back.Files { // error values have other types after decoding
			if p, q := r.Files[i].Problem, back.Files[i].Problem; p != nil {
				if q == nil || p.Error() != q.Error() || p.Reason != q.Reason {
					t.Errorf("%s: problem %v became %v", name, p, q)
				}
				r.Files[i].Problem, back.Files[i].Problem = nil, nil
			}
		}
		if !reflect.DeepEqual(&back, r) && name != "empty" { //nolint:govet // the errors among it were compared above
			t.Errorf("%s: got %+v, want %+v", name, back, *r)
		}
		for i := range data {
			var cut LayerRecord
			var own *Error
			if err := cut.UnmarshalBinary(data[:i]); !errors.As(err, &own) || own.Reason != ReasonRecord {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, i, len(data), err)
			}
			if len(data) > 5000 && i > 200 {
				break
			}
		}
	}
}

func TestRecordOfAnotherVersion(t *testing.T) {
	data := binary.AppendUvarint([]byte(recordMagic), IndexerVersion+1)
	var own *Error
	if err := new(LayerRecord).UnmarshalBinary(append(data, 1, 2, 3)); !errors.As(err, &own) || own.Reason != ReasonStale {
		t.Errorf("got %v", err)
	}
}

// TestRecordIsStable: a change of these bytes means that stored records are read wrongly, and so a new IndexerVersion.
func TestRecordIsStable(t *testing.T) {
	data, err := readLayer(t, tarOf(t, file(status, dpkg("a 1")), whiteout("x/.wh.y"))).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	want := "ecrL\x02\x02\x80\x14\x00\x01\x00\x13var/lib/dpkg/status\x00\x03deb\x00\x00\x01\x00\x01a\x00\x011\x03\x00\x05amd64\x04\x05\x03\x03\x00\x00" +
		"\x00\x00\x01"
	if len(data) < len(want) || string(data[:len(want)]) != want {
		t.Errorf("got %q, want %q at the beginning", data, want)
	}
	if h := hashPath("var/lib/dpkg/status"); h != 0xde5420cb97764327 {
		t.Errorf("hash of a path is %#x", h)
	}
}
