package main

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strings"
)

// archives adds the jars. Each has the pom.properties that Maven puts into it.
func (c *contents) archives(files map[string]string) error {
	into, inner := "", map[string]string{}
	flush := func() error {
		if into == "" {
			return nil
		}
		archive, err := zipOf(inner)
		files[into], inner = archive, map[string]string{}
		return err
	}
	for _, line := range c.Maven {
		if name, opens := strings.CutPrefix(line, "> "); opens {
			if err := flush(); err != nil {
				return err
			}
			into = name
			continue
		}
		f := fields(line, 2)
		group, artifact, _ := strings.Cut(f[0], ":")
		jar, err := zipOf(map[string]string{
			"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n",
			"META-INF/maven/" + group + "/" + artifact + "/pom.properties": fmt.Sprintf("version=%s\ngroupId=%s\nartifactId=%s\n", f[1], group, artifact),
		})
		if err != nil {
			return err
		}
		name := artifact + "-" + f[1] + ".jar"
		if into == "" {
			files["opt/app/lib/"+group+"/"+name] = jar
		} else {
			inner["BOOT-INF/lib/"+name] = jar
		}
	}
	return flush()
}

func zipOf(files map[string]string) (string, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range files {
		// Nested jars are stored, as Spring Boot does: it reads them in place.
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = entry.Write([]byte(content))
		}
		if err != nil {
			return "", err
		}
	}
	err := w.Close()
	return out.String(), err
}

// programs adds what Go and Rust leave in programs, in ELF files that hold
// nothing else.
func (c *contents) programs(files map[string]string) error {
	name, info := "", goProgram{}
	for _, line := range c.Go {
		if opens, found := strings.CutPrefix(line, "> "); found {
			f := fields(opens, 4)
			name, info = f[0], goProgram{toolchain: f[1]}
			fmt.Fprintf(&info.modules, "path\t%s/cmd/%s\nmod\t%s\t%s\t\n", f[2], path.Base(name), f[2], f[3])
		} else {
			info.add(line)
		}
		if name == "" {
			return errors.New("a module of Go before its program")
		}
		files[name] = elf(".go.buildinfo", info.section())
	}
	var crates []crate
	for _, line := range c.Cargo {
		if opens, found := strings.CutPrefix(line, "> "); found {
			name, crates = opens, nil
			continue
		}
		f := fields(line, 2)
		crates = append(crates, crate{Name: f[0], Version: f[1], Source: "crates.io"})
		section, err := cargoSection(crates)
		if err != nil {
			return err
		}
		files[name] = elf(".dep-v0", section)
	}
	return nil
}

// goProgram is the build information of a program.
type goProgram struct {
	toolchain string
	modules   strings.Builder
}

func (p *goProgram) add(line string) {
	f := fields(line, 2)
	if len(f) == 5 && f[2] == "=>" {
		fmt.Fprintf(&p.modules, "dep\t%s\t%s\n=>\t%s\t%s\th1:x=\n", f[0], f[1], f[3], f[4])
		return
	}
	fmt.Fprintf(&p.modules, "dep\t%s\t%s\th1:x=\n", f[0], f[1])
}

// section is what the linker writes since Go 1.18: a header of 32 bytes, the
// version and the modules, each behind its length. The modules are framed by 16
// bytes on either side.
func (p *goProgram) section() []byte {
	out := make([]byte, 32)
	copy(out, "\xff Go buildinf:")
	out[14], out[15] = 8, 2
	out = binary.AppendUvarint(out, uint64(len(p.toolchain)))
	out = append(out, p.toolchain...)
	frame := "0123456789abcdef"
	modules := frame + p.modules.String() + frame
	out = binary.AppendUvarint(out, uint64(len(modules)))
	return append(out, modules...)
}

// crate is an entry of the list that cargo-auditable writes.
type crate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Source  string `json:"source"`
}

func cargoSection(crates []crate) ([]byte, error) {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write([]byte(marshal(map[string]any{"packages": crates}))); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// elf is a program for Linux on x86-64 with one section, which is loaded.
func elf(name string, content []byte) string {
	const header, segment, entry, align, base = 64, 56, 64, 16, 0x400000
	names := "\x00" + name + "\x00.shstrtab\x00"
	at := (header + segment + align - 1) / align * align
	namesAt := at + len(content)
	table := (namesAt + len(names) + align - 1) / align * align
	out := make([]byte, table+3*entry)
	copy(out, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(out[16:], 2)  // a program
	le.PutUint16(out[18:], 62) // x86-64
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[32:], header)
	le.PutUint64(out[40:], uint64(table))
	le.PutUint16(out[52:], header)
	le.PutUint16(out[54:], segment)
	le.PutUint16(out[56:], 1) // segment
	le.PutUint16(out[58:], entry)
	le.PutUint16(out[60:], 3) // sections
	le.PutUint16(out[62:], 2) // the one with the names
	load := out[header:]
	le.PutUint32(load, 1)     // is loaded
	le.PutUint32(load[4:], 4) // to be read
	le.PutUint64(load[16:], base)
	le.PutUint64(load[24:], base)
	le.PutUint64(load[32:], uint64(len(out)))
	le.PutUint64(load[40:], uint64(len(out)))
	le.PutUint64(load[48:], 0x1000)
	copy(out[at:], content)
	copy(out[namesAt:], names)
	section := func(i int, nameAt, kind uint32, address, offset, size int) {
		s := out[table+i*entry:]
		le.PutUint32(s, nameAt)
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[16:], uint64(address))
		le.PutUint64(s[24:], uint64(offset))
		le.PutUint64(s[32:], uint64(size))
	}
	section(1, 1, 1, base+at, at, len(content))
	section(2, uint32(2+len(name)), 3, 0, namesAt, len(names))
	return string(out)
}
