// Command accuracy measures how right scanning is: it builds the images of the
// corpus, scans them with the real binary against the shared advisories, and
// says per ecosystem how many of the expected findings are there (recall), how
// many of those that are there were expected (precision), and each that differs.
//
// The corpus is facts: packages of real images, all their findings, and what is
// not a finding though it might look like one, with the reason. It was derived
// from the advisories by other means than ecru's, with each ecosystem's own tool
// for comparing versions, and differences were decided by hand.
//
// It must not import internal packages.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run() error {
	shared := os.Getenv("ECRU_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "shared")
	}
	if info, err := os.Stat(filepath.Join(shared, "osv")); err != nil || !info.IsDir() {
		return fmt.Errorf("no advisories in %s: accuracy is measured with the shared data (ECRU_SHARED names another place)", filepath.Join(shared, "osv"))
	}
	cases, err := readCorpus(filepath.Join("test", "accuracy", "corpus"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ecru-accuracy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := os.Getenv("ECRU_BIN")
	if binary == "" {
		binary = filepath.Join("bin", "ecru")
	}
	s := scanner{binary: binary, shared: shared, dir: dir}
	var total score
	for _, c := range cases {
		found, err := s.scan(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		total.add(c, found)
	}
	total.print(os.Stdout)
	if n := len(total.deviations); n > 0 {
		return fmt.Errorf("%d deviations from the corpus", n)
	}
	return nil
}
