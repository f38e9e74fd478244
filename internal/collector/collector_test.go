package collector

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// percent is what the collector was told last.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestPace(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	t.Setenv("GOGC", "")
	Indexed(0)
	assert.Equal(t, 100, percent())
	Indexed(halvedAt)
	assert.Equal(t, 50, percent())
	runtime.GC()
	Hashing()
	assert.Greater(t, percent(), 60)
	Indexed(0)
	assert.Greater(t, percent(), 110, "passwords are still hashed")
	rest()
	assert.Equal(t, 100, percent())
	t.Setenv("GOGC", "30")
	debug.SetGCPercent(30)
	Indexed(halvedAt)
	Hashing()
	assert.Equal(t, 30, percent(), "who starts the program decides")
	rest()
}
