package mail

import (
	"context"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Files keeps every mail as a file, for installations without an SMTP server:
// people open the .eml with a mail program, or copy the link from the log.
type Files struct {
	dir  string
	from netmail.Address
	log  *slog.Logger
	now  func() time.Time
}

// NewFiles makes dir if need be, readable by its owner only (the links inside
// open accounts), and fails when no file can be written there.
func NewFiles(dir string, from netmail.Address, log *slog.Logger) (*Files, error) {
	from, err := sender(from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for mails can't be made: %w", err)
	}
	probe, err := createTemporary(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder for mails can't be written to: %w", err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return &Files{dir: dir, from: from, log: log, now: time.Now}, nil
}

// Send keeps m as <time>-<kind>-<recipient>-<end of the id>.eml and logs its
// link. The name sorts by time. A file with that ending is always whole, on
// the disk, and for its owner only.
func (f *Files) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := f.now().UTC()
	// Eight bits as they are: whoever opens the file with a text editor can
	// copy the link, which quoted-printable would break.
	sealed, err := seal(m, f.from, now, gomail.NoEncoding)
	if err != nil {
		return err
	}
	path := filepath.Join(f.dir, fileName(now, m))
	if err := writeWhole(f.dir, path, sealed.data); err != nil {
		return fmt.Errorf("keep mail as a file: %w", err)
	}
	about := []any{"kind", string(m.Kind), "to", m.To.Address, "file", path}
	if m.Link != "" {
		about = append(about, "link", m.Link)
	}
	f.log.InfoContext(ctx, "No SMTP server is configured: the mail was kept as a file.", about...)
	return nil
}

// writeWhole puts data at path so that no reader sees a part of it, and so
// that it survives a power cut.
func writeWhole(dir, path string, data []byte) (err error) {
	file, err := createTemporary(dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	// The name is in the folder, which has to be on the disk too. Not every
	// system can do that (Windows), and the mail itself is safe.
	if folder, openErr := os.Open(dir); openErr == nil { // #nosec G304 -- the operator's choice
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}

// createTemporary makes a file of mode 0600 that no pattern for mails matches.
func createTemporary(dir string) (*os.File, error) { return os.CreateTemp(dir, ".*.part") }

// fileName is unique as long as no message is sent twice in one nanosecond.
func fileName(now time.Time, m Message) string {
	safe := func(s string, limit int) string {
		s = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@.+_-", r) {
				return r
			}
			return '_'
		}, s)
		return s[:min(len(s), limit)]
	}
	id := safe(m.ID, len(m.ID))
	return fmt.Sprintf("%s-%s-%s-%s.eml", now.Format("20060102T150405.000000000Z"),
		safe(string(m.Kind), 40), safe(m.To.Address, 80), id[max(0, len(id)-8):])
}
