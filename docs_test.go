package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page on security says which test holds each promise: they are all there,
// and every statement has one.
func TestSecurityPageNamesTests(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(source, -1) {
			there[string(match[1])] = true
		}
		return err
	}))
	page, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllSubmatch(page, -1)
	require.NotEmpty(t, named)
	for _, match := range named {
		assert.True(t, there[string(match[1])], "there is no %s", match[1])
	}
	for _, row := range regexp.MustCompile(`(?m)^\| \d+ \|.*$`).FindAllString(string(page), -1) {
		assert.Regexp(t, "`(Test|Fuzz)|every run of", row)
	}
}
