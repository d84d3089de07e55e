package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/usermgmt/usermgmt/store"
)

// longestLine is more than any line of ours has.
const longestLine = 4096

// AnchorFile keeps anchors in a file that is only added to, one JSON object a
// line. Several processes may use one file. It protects best where whoever can
// write to the database cannot write to it: it may be copied elsewhere at any
// time.
type AnchorFile struct{ path string }

// NewAnchorFile names the file, which is made with the first anchor and readable
// by its owner alone. Its folder must exist.
func NewAnchorFile(path string) *AnchorFile { return &AnchorFile{path: path} }

// anchorLine is an anchor in the file.
type anchorLine struct {
	Seq   int64     `json:"seq"`
	Chain hexBytes  `json:"chain"`
	At    time.Time `json:"at"`
	KeyID string    `json:"key_id"`
	MAC   hexBytes  `json:"mac"`
}

type hexBytes []byte

// MarshalText writes hexadecimal digits.
func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText reads them.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

// Append adds a line and waits until the disk has it.
func (f *AnchorFile) Append(ctx context.Context, a store.AuditAnchor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	line, err := json.Marshal(anchorLine{a.Seq, a.Chain, a.At, a.KeyID, a.MAC})
	if err != nil {
		return err
	}
	if err := f.add(append(line, '\n')); err != nil {
		return store.Unavailable(fmt.Errorf("audit: the anchor cannot be written: %w", err))
	}
	return nil
}

// add writes a line at once: those of two processes do not mix.
func (f *AnchorFile) add(line []byte) error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() > 0 {
		var last [1]byte
		if _, err = file.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...) // after one that a crash cut short
		}
	}
	if err == nil {
		_, err = file.Write(line)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil || info.Size() > 0 {
		return err
	}
	return syncFolder(filepath.Dir(f.path))
}

// syncFolder makes the name of a new file durable.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // where folders cannot be opened
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// All reads the file line by line. A file that is not there has none. Blank lines
// are none, and neither is the beginning of one at the end: it is being written,
// or was when a process died.
func (f *AnchorFile) All(ctx context.Context) iter.Seq2[store.AuditAnchor, error] {
	return func(yield func(store.AuditAnchor, error) bool) {
		file, err := os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(store.AuditAnchor{}, unreadable(err))
			return
		}
		defer file.Close()
		for in := bufio.NewReaderSize(file, longestLine); ; {
			line, err := readLine(in)
			ended := errors.Is(err, io.EOF)
			if err != nil && !ended {
				yield(store.AuditAnchor{}, unreadable(err))
				return
			}
			a, ok := parseAnchor(line)
			begun := ended && !ok
			if !begun && len(bytes.TrimSpace(line)) > 0 && !yield(a, ctx.Err()) || ended || ctx.Err() != nil {
				return
			}
		}
	}
}

func unreadable(err error) error { return fmt.Errorf("audit: the anchors cannot be read: %w", err) }

// readLine reads a line with its end. Of one that is too long it returns
// something that is no anchor.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return []byte("too long"), err
}

// parseAnchor reads a line. What is not one of ours gives the zero anchor.
func parseAnchor(line []byte) (a store.AuditAnchor, ok bool) {
	var l anchorLine
	if json.Unmarshal(line, &l) != nil {
		return a, false
	}
	return store.AuditAnchor{Kind: store.AuditMark, Seq: l.Seq, Chain: l.Chain, At: l.At, KeyID: l.KeyID, MAC: l.MAC}, true
}
