package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"roster/internal/config"
)

func TestTheGeneratedKeyIsMadeOnceForThisUserOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	first, err := config.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.LoadOrCreateKey(dir)
	if err != nil || !bytes.Equal(first, again) || len(first) != 32 {
		t.Errorf("%x, then %x, %v", first, again, err)
	}
	info, err := os.Stat(filepath.Join(dir, "secret.key"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v lie beside it, %v", entries, err)
	}
}

func TestTheGeneratedKeyDiffersFromOneInstallationToTheNext(t *testing.T) {
	one, errOne := config.LoadOrCreateKey(t.TempDir())
	two, errTwo := config.LoadOrCreateKey(t.TempDir())
	if errOne != nil || errTwo != nil || bytes.Equal(one, two) {
		t.Errorf("%x and %x, %v, %v", one, two, errOne, errTwo)
	}
}

func TestTheGeneratedKeyMayBeMovedToTheVariable(t *testing.T) {
	dir := t.TempDir()
	made, err := config.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse(nil, []string{"SECRET_KEY=" + string(bytes.TrimSpace(content))}, nil)
	if err != nil || len(got.Config.SecretKeys) != 1 || !bytes.Equal(got.Config.SecretKeys[0], made) {
		t.Errorf("%x, %v", got.Config.SecretKeys, err)
	}
}

func TestManyThatMakeTheKeyAtOnceAnswerTheSame(t *testing.T) {
	dir := t.TempDir()
	keys := make([][]byte, 50)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = config.LoadOrCreateKey(dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, key := range keys {
		if !bytes.Equal(key, keys[0]) {
			t.Fatalf("%x and %x", key, keys[0])
		}
	}
}

func TestADamagedKeyIsToldAndKept(t *testing.T) {
	for name, content := range map[string]string{
		"empty":     "",
		"cut short": key[:20],
		"two keys":  key + "\n" + key,
		"all zero":  encoded(string(make([]byte, 32))),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "secret.key")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.LoadOrCreateKey(dir)
			want := path + " is damaged: put it back from a backup, or remove it for a new key, after which everybody has to set up two-factor authentication again"
			if err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if kept, err := os.ReadFile(path); err != nil || string(kept) != content {
				t.Errorf("it is now %q, %v", kept, err)
			}
		})
	}
}

func TestADataDirThatIsAFileIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.LoadOrCreateKey(file)
	want := "read the secret key: open " + file + "/secret.key: not a directory: set DATA_DIR to a directory that this user may read and write"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
