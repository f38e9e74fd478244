package config

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const keySize = 32 // bytes

// secretKey reads base64 of any kind, and refuses the key that examples have:
// one byte, over and over.
func secretKey(text string) ([]byte, bool) {
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(standard)
	if err != nil || len(key) != keySize {
		return nil, false
	}
	return key, bytes.Count(key, key[:1]) < keySize
}

// LoadOrCreateKey is the SECRET_KEY of the embedded way when none is set: 32
// bytes, kept in base64 in dir/secret.key (mode 0600). The first call makes
// the directory and the file; of several at once, in one process or many, all
// answer the key of the one that was first. A damaged file is an error that
// says what to do, never replaced: what was encrypted with its key would be lost.
func LoadOrCreateKey(dir string) ([]byte, error) {
	const remedy = "set DATA_DIR to a directory that this user may read and write"
	path := filepath.Join(dir, "secret.key")
	content, err := os.ReadFile(path) // #nosec G304 -- in DATA_DIR
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(dir, path); err != nil {
			return nil, fmt.Errorf("make the secret key: %w: %s", err, remedy)
		}
		content, err = os.ReadFile(path) // #nosec G304 -- in DATA_DIR
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w: %s", err, remedy)
	}
	key, ok := secretKey(string(bytes.TrimSpace(content)))
	if !ok {
		return nil, fmt.Errorf("%s is damaged: put it back from a backup, or remove it for a new key, after which everybody has to set up two-factor authentication again", path)
	}
	return key, nil
}

// createKey leaves a whole key at path, its own or that of somebody faster:
// a link, other than a rename, never replaces what is there.
func createKey(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".secret.key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it does no harm where it is
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	_, err = fmt.Fprintln(file, base64.StdEncoding.EncodeToString(key))
	if err := cmp.Or(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// So that the name outlives a loss of power, where a directory can be synced.
	if parent, err := os.Open(dir); err == nil { // #nosec G304 -- DATA_DIR
		_ = parent.Sync()
		_ = parent.Close()
	}
	return nil
}
