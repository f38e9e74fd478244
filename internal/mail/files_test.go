package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func keepIn(t *testing.T, dir string) (*Files, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	f, err := NewFiles(dir, fromUs, slog.New(slog.NewTextHandler(&out, nil)))
	noError(t, err)
	return f, &out
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	noError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestMailsAsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "mail")
	files, out := keepIn(t, dir)
	files.now = func() time.Time { return noon.Add(7 * time.Microsecond) }
	m := ready(t, Invitation)
	noError(t, files.Send(t.Context(), m))
	const name = "20261002T120059.000007000Z-invitation-ann@example.com-evt_0abc.eml"
	path := filepath.Join(dir, name)

	t.Run("the folder holds the mail and nothing else", func(t *testing.T) { equal(t, []string{name}, names(t, dir)) })
	t.Run("nobody but the owner reads them", func(t *testing.T) {
		for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
			info, err := os.Stat(p)
			noError(t, err)
			equal(t, want, info.Mode().Perm())
		}
	})
	t.Run("a person with a text editor finds the whole link on a line of its own", func(t *testing.T) {
		data, err := os.ReadFile(path)
		noError(t, err)
		contains(t, string(data), "\r\n"+m.Link+"\r\n")
		contains(t, string(data), "Maria López invites you to join Acme & Sons with the role")
	})
	t.Run("a mail program opens it", func(t *testing.T) {
		data, err := os.ReadFile(path)
		noError(t, err)
		mail, err := netmail.ReadMessage(bytes.NewReader(data))
		noError(t, err)
		equal(t, "<evt_0abc@roster.example>", mail.Header.Get("Message-Id"))
		isTrue(t, strings.HasPrefix(mail.Header.Get("Content-Type"), "multipart/alternative"), "two parts")
		isTrue(t, !strings.Contains(strings.ReplaceAll(string(data), "\r\n", ""), "\n"), "no bare line feed")
	})
	t.Run("the log shows the link, the file and why", func(t *testing.T) {
		contains(t, out.String(), "No SMTP server is configured")
		contains(t, out.String(), m.Link)
		contains(t, out.String(), path)
	})
}

func TestFileNames(t *testing.T) {
	t.Run("a name sorts by time, whatever the time zone, and holds no character that a shell or a file system minds", func(t *testing.T) {
		safe := regexp.MustCompile(`^[A-Za-z0-9@.+_-]{1,200}\.eml$`)
		var last string
		for i, to := range []string{"ann@example.com", "../../etc/passwd@x", "a/b\\c@x", "zoë@bücher.example", "-rf@x", "$(reboot)@x", "a b;c@x", strings.Repeat("x", 254) + "@x"} {
			m := Message{Kind: PasswordReset, To: netmail.Address{Address: to}, ID: "evt_0123456789abcdef"}
			name := fileName(noon.Add(time.Duration(i)*time.Nanosecond).UTC(), m)
			isTrue(t, safe.MatchString(name), name)
			equal(t, name, filepath.Base(name))
			isTrue(t, name > last, "sorted")
			last = name
		}
	})
}

func TestFilesAreWhole(t *testing.T) {
	t.Run("whoever looks while mails are written sees only whole ones, and in the end all of them", func(t *testing.T) {
		dir := t.TempDir()
		files, err := NewFiles(dir, fromUs, slog.New(slog.DiscardHandler))
		noError(t, err)
		done, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for {
				found, _ := filepath.Glob(filepath.Join(dir, "*.eml"))
				for _, path := range found {
					if data, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(data, []byte("--\r\n")) {
						t.Errorf("%s is not whole: %v", path, err)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		}()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				m := ready(t, kinds[i%len(kinds)])
				m.ID = fmt.Sprintf("evt_%02d", i)
				if err := files.Send(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(done)
		<-watched
		equal(t, 20, len(names(t, dir)))
	})
	t.Run("what fails leaves nothing behind, and is worth another try", func(t *testing.T) {
		dir := t.TempDir()
		files, out := keepIn(t, dir)
		files.now = func() time.Time { return noon }
		m := ready(t, Invitation)
		noError(t, os.Mkdir(filepath.Join(dir, fileName(noon, m)), 0o700)) // in the way
		err := files.Send(t.Context(), m)
		isTrue(t, err != nil && !IsPermanent(err), "temporary")
		equal(t, 1, len(names(t, dir)))
		lacks(t, out.String(), m.Link)
	})
	t.Run("a context that has ended writes nothing", func(t *testing.T) {
		dir := t.TempDir()
		files, _ := keepIn(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		isTrue(t, files.Send(ctx, ready(t, Invitation)) != nil, "an error")
		equal(t, 0, len(names(t, dir)))
	})
	t.Run("a folder that can't be used is told at the start", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		noError(t, os.WriteFile(file, nil, 0o600))
		for _, dir := range []string{file, filepath.Join(file, "mail")} {
			_, err := NewFiles(dir, fromUs, slog.New(slog.DiscardHandler))
			isTrue(t, err != nil, "an error")
		}
	})
	t.Run("a folder is tried without leaving a trace", func(t *testing.T) {
		dir := t.TempDir()
		keepIn(t, dir)
		isTrue(t, slices.Equal(names(t, dir), nil), "empty")
	})
}
