package collector

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// percent is what the collector was told last.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

// TestPace: a large index leaves less room, a hash more until some time after
// it, and whoever starts the program decides.
func TestPace(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	t.Setenv("GOGC", "")
	synctest.Test(t, func(t *testing.T) {
		Indexed(0)
		assert.Equal(t, 100, percent())
		Indexed(halvedAt)
		assert.Equal(t, 50, percent())
		Hashing()
		assert.Greater(t, percent(), 60)
		Indexed(0)
		assert.Greater(t, percent(), 110, "passwords are still hashed")
		time.Sleep(hashLife / 2)
		Hashing()
		time.Sleep(hashLife / 2)
		synctest.Wait()
		assert.Greater(t, percent(), 110, "the last hash was a moment ago")
		time.Sleep(hashLife)
		synctest.Wait()
		assert.Equal(t, 100, percent())
	})
	t.Setenv("GOGC", "30")
	debug.SetGCPercent(30)
	synctest.Test(t, func(t *testing.T) {
		Indexed(halvedAt)
		Hashing()
		assert.Equal(t, 30, percent())
		time.Sleep(2 * hashLife)
		synctest.Wait()
		assert.Equal(t, 30, percent())
	})
}
