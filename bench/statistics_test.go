//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuantile(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	assert.Equal(t, 3, median(values))
	assert.Equal(t, 1, quantile(values, 0))
	assert.Equal(t, 5, quantile(values, 0.99))
	assert.Equal(t, 5, quantile(values, 1))
	assert.Equal(t, 2, median([]int{3, 2, 4, 1}), "the lower of two middle values")
	assert.Equal(t, []int{5, 1, 4, 2, 3}, values, "the values stay in their order")
	assert.Zero(t, median([]time.Duration(nil)))
}

func TestNumber(t *testing.T) {
	for value, text := range map[float64]string{
		0: "0", 0.254: "0.25", 1.3: "1.3", 3: "3", 9.996: "10", 12.34: "12.3", 150: "150", 1502.6: "1,503", 1234567: "1,234,567", -2.5: "-2.5",
	} {
		assert.Equal(t, text, number(value))
	}
}

func TestBusyLeavesOutIdleTime(t *testing.T) {
	spent, err := busyOf("cpu  100 20 30 99999 88888 4 5 6 7 0\n")
	require.NoError(t, err)
	assert.Equal(t, 1650*time.Millisecond, spent)
	for _, line := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 seven 8"} {
		_, err := busyOf(line)
		assert.Error(t, err, line)
	}
}

// The rounds that count are those in which others have done least.
func TestInterleave(t *testing.T) {
	for _, c := range []struct {
		name       string
		others     []float64
		counts     []float64
		thrownAway int
		kept       int
	}{
		{"quiet rounds count, in no more than are needed", []float64{0.01, 0.02, 0.9}, []float64{0.01, 0.02}, 0, 0},
		{"a disturbed round is done again", []float64{0.01, 0.5, 0.02}, []float64{0.01, 0.02}, 1, 0},
		{"on a busy machine the best count, and it is told", []float64{0.9, 0.5, 0.03, 0.7}, []float64{0.03, 0.5}, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, n := &bench{rounds: 2}, 0
			r, err := b.interleave(t.Context(), "test", func() (result, error) {
				n++
				return result{others: c.others[n-1]}, nil
			}, func() (result, error) { return result{}, nil })
			require.NoError(t, err)
			assert.Equal(t, c.counts, r.of(0, func(r result) float64 { return r.others }))
			assert.Equal(t, []int{c.thrownAway, c.kept}, []int{b.thrownAway, b.keptDisturbed})
		})
	}
}

// What is asked differs from request to request: nothing can be answered twice.
func TestRequestsAreDifferent(t *testing.T) {
	places := cursors{}
	for _, o := range orders {
		for _, name := range scattered {
			places[o] = append(places[o], o.String()+name)
		}
	}
	for name, operations := range map[string][]operation{
		"pages": pages(places), "one word": searches(oneWord), "two words": searches(twoWords),
	} {
		asked := map[string]bool{}
		for _, o := range operations {
			asked[string(o.encode("127.0.0.1:1"))] = true
		}
		assert.Len(t, asked, len(operations), name)
		assert.Greater(t, len(operations), 100, name)
	}
}

func TestReplaceTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(path, []byte("# Speed\n"+begins+"old\n"+ends+"By hand.\n"), 0o600))
	require.NoError(t, replaceTable(path, "new\n"))
	require.NoError(t, replaceTable(path, "newer\n"))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "# Speed\n"+begins+"\nnewer\n\n"+ends+"By hand.\n", string(got))
	require.NoError(t, os.WriteFile(path, []byte("# Speed\n"), 0o600))
	assert.Error(t, replaceTable(path, "new\n"))
}
