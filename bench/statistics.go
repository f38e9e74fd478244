package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// quantile is the smallest value that the share q of all does not exceed; zero
// when there are none.
func quantile[T cmp.Ordered](values []T, q float64) (zero T) {
	if len(values) == 0 {
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// median is the middle value, or the lower of the two.
func median[T cmp.Ordered](values []T) T { return quantile(values, 0.5) }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
