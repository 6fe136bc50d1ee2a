package sample

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Rootfs answers a root filesystem as a gzip-compressed layer: the published
// Alpine 3.20.3 minirootfs where the shared data is there, else one that holds
// the same package database.
func Rootfs(root string) ([]byte, Source, error) {
	file := filepath.Join(sharedDir(root), "images", "alpine-minirootfs-3.20.3-x86_64.tar.gz")
	if content, err := os.ReadFile(file); err == nil {
		return content, Source{file, "root filesystem: " + file}, nil
	}
	content, err := Alpine("3.20.3")
	return content, Source{"", "root filesystem: package database of the Alpine 3.20.3 minirootfs, carried by the repository (no shared data)"}, err
}

// Alpine makes a layer that says it is a version of Alpine and holds the
// package database of the 3.20.3 minirootfs.
func Alpine(version string) ([]byte, error) {
	var database strings.Builder
	for _, p := range alpine320Packages() {
		fmt.Fprintf(&database, "P:%s\nV:%s\nA:x86_64\no:%s\n\n", p[0], p[1], p[2])
	}
	release := fmt.Sprintf("NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=%s\nPRETTY_NAME=\"Alpine Linux v%s\"\n", version, version[:strings.LastIndex(version, ".")])
	return Layer(map[string]string{"etc/os-release": release, "lib/apk/db/installed": database.String()})
}

// Layer makes a gzip-compressed layer of files; equal files make equal bytes.
func Layer(files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, name := range sortedKeys(files) {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), ModTime: time.Unix(1_725_600_000, 0), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
