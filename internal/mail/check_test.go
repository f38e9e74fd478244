package mail

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func isTrue(t *testing.T, ok bool, promise string) {
	t.Helper()
	if !ok {
		t.Fatalf("broken: %s", promise)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Fatalf("%q is missing in:\n%s", part, text)
	}
}

func lacks(t *testing.T, text, part string) {
	t.Helper()
	if strings.Contains(text, part) {
		t.Fatalf("%q should not be in:\n%s", part, text)
	}
}

func matchesNothing(t *testing.T, pattern, text string) {
	t.Helper()
	if found := regexp.MustCompile(pattern).FindString(text); found != "" {
		t.Fatalf("%q, which matches %s, should not be in:\n%s", found, pattern, text)
	}
}
