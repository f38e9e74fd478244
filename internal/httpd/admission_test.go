package httpd

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) {
	ctx := context.Background()
	const patient = time.Minute

	t.Run("lets in as many as there is room for, and the next when one leaves", func(t *testing.T) {
		g := newGate(1, 1, patient)
		leave, ok := g.enter(ctx)
		require.True(t, ok)
		entered := make(chan bool)
		go func() {
			leave, ok := g.enter(ctx)
			entered <- ok
			leave()
		}()
		require.Eventually(t, g.full, 5*time.Second, time.Millisecond, "one is in, one waits")
		_, third := g.enter(ctx)
		assert.False(t, third, "who finds the line full is not let in, at once")
		select {
		case <-entered:
			t.Fatal("two are in")
		default:
		}
		leave()
		assert.True(t, <-entered)
	})
	t.Run("nobody waits for longer than that", func(t *testing.T) {
		g := newGate(1, 1, time.Millisecond)
		leave, _ := g.enter(ctx)
		_, ok := g.enter(ctx)
		assert.False(t, ok)
		leave()
		_, ok = g.enter(ctx)
		assert.True(t, ok, "who gave up keeps no place")
	})
	t.Run("nor than the request", func(t *testing.T) {
		g := newGate(1, 1, patient)
		_, _ = g.enter(ctx)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, ok := g.enter(ended)
		assert.False(t, ok)
	})
	t.Run("many at once are never more than there is room for", func(t *testing.T) {
		g := newGate(4, 16, patient)
		var group sync.WaitGroup
		var guard sync.Mutex
		inside, most, refused := 0, 0, 0
		for range 100 {
			group.Go(func() {
				leave, ok := g.enter(ctx)
				guard.Lock()
				if !ok {
					refused++
					guard.Unlock()
					return
				}
				inside++
				most = max(most, inside)
				guard.Unlock()
				time.Sleep(time.Millisecond)
				guard.Lock()
				inside--
				guard.Unlock()
				leave()
			})
		}
		group.Wait()
		assert.LessOrEqual(t, most, 4)
		assert.Less(t, refused, 100)
		assert.Empty(t, g.line)
		assert.Empty(t, g.inside)
	})
}

// crowded is a service with room for one operation, which takes until it is
// let go on, and one who waits.
func crowded(t *testing.T) (address string, begun <-chan string, goOn chan<- struct{}, s *server) {
	t.Helper()
	started, proceed, over := make(chan string), make(chan struct{}), make(chan struct{})
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		select {
		case started <- string(body):
			<-proceed
		case <-over:
		}
	})
	public, err := url.Parse("http://localhost:8080")
	require.NoError(t, err)
	s = &server{
		options: Options{PublicURL: public}, log: slog.New(slog.DiscardHandler),
		admission: &Admission{members: newGate(1, 1, time.Minute), strangers: newGate(1, 1, time.Minute)},
	}
	listening := httptest.NewServer(withRequestID(s.graphql(api)))
	t.Cleanup(listening.Close)
	t.Cleanup(func() { close(over) })
	return listening.URL, started, proceed, s
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestAdmission(t *testing.T) {
	post := func(t *testing.T, url string, body io.Reader) *http.Response {
		t.Helper()
		answer, err := http.Post(url, "application/json", body)
		require.NoError(t, err)
		t.Cleanup(func() { _ = answer.Body.Close() })
		return answer
	}

	t.Run("who finds a full line is told so at once, before the body is read", func(t *testing.T) {
		url, begun, goOn, s := crowded(t)
		answers := make(chan int, 2)
		for range 2 {
			go func() { answers <- post(t, url, strings.NewReader("{}")).StatusCode }()
		}
		assert.Equal(t, "{}", <-begun)
		require.Eventually(t, s.admission.strangers.full, 5*time.Second, time.Millisecond)

		refused := httptest.NewRecorder()
		s.graphql(nil).ServeHTTP(refused, httptest.NewRequest(http.MethodPost, "/graphql", unread{t}))
		assert.Equal(t, http.StatusServiceUnavailable, refused.Code)
		assert.Equal(t, comeBack, refused.Header().Get("Retry-After"))
		assert.Contains(t, refused.Body.String(), `"code":"UNAVAILABLE"`)

		goOn <- struct{}{}
		<-begun
		goOn <- struct{}{}
		assert.Equal(t, []int{200, 200}, []int{<-answers, <-answers}, "the others are served")
	})

	t.Run("a body that trickles in holds no place", func(t *testing.T) {
		url, begun, goOn, _ := crowded(t)
		for range 10 {
			body, slow := io.Pipe()
			defer slow.Close()
			request, err := http.NewRequest(http.MethodPost, url, body)
			require.NoError(t, err)
			go func() {
				if answer, err := http.DefaultClient.Do(request); err == nil {
					_ = answer.Body.Close()
				}
			}()
			_, err = slow.Write([]byte("{"))
			require.NoError(t, err)
		}
		answer := make(chan int, 1)
		go func() { answer <- post(t, url, strings.NewReader("quick")).StatusCode }()
		assert.Equal(t, "quick", <-begun)
		goOn <- struct{}{}
		assert.Equal(t, 200, <-answer)
	})

	t.Run("a body that is too large is still told apart", func(t *testing.T) {
		url, _, _, _ := crowded(t)
		assert.Equal(t, http.StatusRequestEntityTooLarge, post(t, url, strings.NewReader(strings.Repeat("x", maxBody+1))).StatusCode)
	})
}
