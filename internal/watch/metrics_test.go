package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"roster/internal/account"
	"roster/internal/directory"
	"roster/internal/mail"
	"roster/internal/sqlite"
)

// newMetrics are metrics with parts that say numbers which differ.
func newMetrics() *Metrics {
	m := NewMetrics()
	m.Look(Inside{
		Members:   func() (int, int, int) { return 1, 2, 3 },
		Strangers: func() (int, int, int) { return 4, 5, 6 },
		Hashing:   func() (int, int, int) { return 7, 8, 9 },
		Backlog:   func() (int, time.Time, int) { return 10, time.Now().Add(-time.Hour), 11 },
		Sockets:   func() (int, int, int) { return 12, 13, 14 },

		SessionsUsed: func() int { return 15 },
	})
	return m
}

// exported are the names of all metrics there are, whether or not there is
// something to tell; and those of their kind.
func exported(t *testing.T, m *Metrics) []string {
	t.Helper()
	// Vectors say nothing before their first value.
	m.Operation("users", "OK", time.Second)
	m.Store("sqlite", stub{}, nil)
	m.events.WithLabelValues("SIGNED_IN")
	families, err := m.registry.Gather()
	require.NoError(t, err)
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
		assert.NotEmpty(t, family.GetHelp(), family.GetName())
	}
	return names
}

func TestPartsSayWhatTheyAre(t *testing.T) {
	m := newMetrics()
	told := httptest.NewRecorder()
	m.Handler().ServeHTTP(told, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`roster_admission_running{gate="members"} 1`, `roster_admission_waiting{gate="members"} 2`, `roster_admission_refused_total{gate="members"} 3`,
		`roster_admission_running{gate="strangers"} 4`, `roster_admission_waiting{gate="strangers"} 5`, `roster_admission_refused_total{gate="strangers"} 6`,
		`roster_argon2_running 7`, `roster_argon2_waiting 8`, `roster_argon2_refused_total 9`,
		`roster_relay_backlog 10`, `roster_relay_queue 11`,
		`roster_sockets 12`, `roster_subscriptions 13`, `roster_subscription_events_total 14`,
		`roster_sessions_used_total 15`,
	} {
		assert.Contains(t, told.Body.String(), "\n"+line+"\n")
	}
	assert.Regexp(t, `\nroster_relay_oldest_seconds 36\d\d\.`, told.Body.String())
}

// TestNames: names and helps are as Prometheus wants them, the page documents
// each metric and no other, and the dashboard shows what there is.
func TestNames(t *testing.T) {
	m := newMetrics()
	names := exported(t, m)
	problems, err := testutil.GatherAndLint(m.registry)
	require.NoError(t, err)
	assert.Empty(t, problems)

	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	require.NoError(t, err)
	var documented, ours []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(roster_[a-z0-9_]+)`").FindAllSubmatch(page, -1) {
		documented = append(documented, string(row[1]))
	}
	for _, name := range names {
		if regexp.MustCompile(`^roster_`).MatchString(name) {
			ours = append(ours, name)
		}
	}
	assert.ElementsMatch(t, ours, documented, "docs/metrics.md documents what there is")

	file, err := os.ReadFile(filepath.Join("..", "..", "docs", "grafana-dashboard.json"))
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(file, &dashboard))
	shown := map[string]bool{}
	metric := regexp.MustCompile(`\b(?:roster|go|process)_[a-z0-9_]+`)
	histogramPart := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, panel := range dashboard.Panels {
		assert.True(t, panel.Type == "row" || len(panel.Targets) > 0, panel.Title)
		for _, target := range panel.Targets {
			found := metric.FindAllString(target.Expr, -1)
			assert.NotEmpty(t, found, target.Expr)
			for _, name := range found {
				if !slices.Contains(names, name) {
					name = histogramPart.ReplaceAllString(name, "")
				}
				assert.Contains(t, names, name, "%s: %s", panel.Title, target.Expr)
				shown[name] = true
			}
		}
	}
	for _, name := range ours {
		assert.True(t, shown[name], "%s is on the dashboard", name)
	}
}

// TestEveryCallIsMeasured, of every method that the domain asks of a store.
func TestEveryCallIsMeasured(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "roster.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	m := NewMetrics()
	for _, wrapped := range []struct {
		name  string
		value any
		kind  reflect.Type
	}{
		{"documents", m.Store("documents", sqlite.NewStore(db), nil), reflect.TypeFor[directory.Store]()},
		{"vault", m.Vault("vault", sqlite.NewVault(db), nil), reflect.TypeFor[account.Vault]()},
	} {
		for i := range wrapped.kind.NumMethod() {
			method := wrapped.kind.Method(i)
			func() {
				// Some cannot do without what they are to write.
				defer func() { _ = recover() }()
				args := []reflect.Value{reflect.ValueOf(t.Context())}
				for n := 1; n < method.Type.NumIn(); n++ {
					args = append(args, reflect.Zero(method.Type.In(n)))
				}
				called := reflect.ValueOf(wrapped.value).MethodByName(method.Name)
				if method.Type.IsVariadic() {
					called.CallSlice(args)
				} else {
					called.Call(args)
				}
			}()
			assert.Equal(t, uint64(1), measured(t, m, wrapped.name, method.Name), method.Name)
		}
	}
}

// measured is how many calls of this kind were measured.
func measured(t *testing.T, m *Metrics, store, call string) uint64 {
	t.Helper()
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != "roster_store_call_duration_seconds" {
			continue
		}
		for _, one := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range one.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if maps.Equal(labels, map[string]string{"store": store, "call": call}) {
				return one.GetHistogram().GetSampleCount()
			}
		}
	}
	return 0
}

// stub is a store whose users cannot be found, for a reason.
type stub struct {
	directory.Store
	err error
}

func (s stub) User(context.Context, string, string) (*directory.User, error) { return nil, s.err }
func (s stub) AppendEvents(context.Context, []directory.Event) error         { return s.err }

func TestAnswersAreNoFailures(t *testing.T) {
	for _, c := range []struct {
		err    error
		failed bool
	}{
		{nil, false},
		{directory.ErrNotFound, false},
		{fmt.Errorf("in other words: %w", directory.ErrStale), false},
		{fmt.Errorf("sqlite: %w: %w", directory.ErrUnavailable, context.Canceled), false},
		{fmt.Errorf("sqlite: %w: %w", directory.ErrUnavailable, context.DeadlineExceeded), true},
		{errors.New("a fault"), true},
	} {
		m := NewMetrics()
		_, err := m.Store("sqlite", stub{err: c.err}, nil).User(t.Context(), "", "")
		assert.Equal(t, c.err, err)
		assert.Equal(t, c.failed, testutil.ToFloat64(m.callErrors.WithLabelValues("sqlite", "User")) == 1, "%v", c.err)
		assert.Equal(t, uint64(1), measured(t, m, "sqlite", "User"))
	}
}

func TestEventsCountWhenTheyAreStored(t *testing.T) {
	m := NewMetrics()
	events := []directory.Event{{Action: directory.SignedIn}, {Action: directory.SignedIn}, {Action: directory.SignedOut}}
	require.Error(t, m.Store("sqlite", stub{err: directory.ErrUnavailable}, nil).AppendEvents(t.Context(), events))
	assert.Zero(t, testutil.CollectAndCount(m.events))
	require.NoError(t, m.Store("sqlite", stub{}, nil).AppendEvents(t.Context(), events))
	assert.InDelta(t, 2, testutil.ToFloat64(m.events.WithLabelValues("SIGNED_IN")), 0)
	assert.InDelta(t, 1, testutil.ToFloat64(m.events.WithLabelValues("SIGNED_OUT")), 0)
}

// sender is a transport that answers this.
type sender struct{ err error }

func (s sender) Send(context.Context, mail.Message) error { return s.err }

func TestMailsCountByWhatBecameOfThem(t *testing.T) {
	m := NewMetrics()
	files, err := mail.NewFiles(t.TempDir(), netmail.Address{Address: "roster@x.example"}, nil)
	require.NoError(t, err)
	// A message without an id is refused for good.
	refused := files.Send(t.Context(), mail.Message{})
	require.True(t, mail.IsPermanent(refused), "%v", refused)
	for _, err := range []error{nil, nil, errors.New("later"), refused} {
		assert.Equal(t, err, m.Transport(sender{err}).Send(t.Context(), mail.Message{}))
	}
	counted := map[string]float64{}
	for _, outcome := range []string{mailSent, mailFailed, mailRefused} {
		counted[outcome] = testutil.ToFloat64(m.mails.WithLabelValues(outcome))
	}
	assert.True(t, maps.Equal(map[string]float64{mailSent: 2, mailFailed: 1, mailRefused: 1}, counted), "%v", counted)
}

// What measuring adds to the request of a list is one of these, and as often as
// it calls a store, the difference of BenchmarkStoreCall's two.
func BenchmarkOperation(b *testing.B) {
	m := NewMetrics()
	for b.Loop() {
		m.Operation("users", "OK", time.Millisecond)
	}
}

func BenchmarkStoreCall(b *testing.B) {
	m := NewMetrics()
	for name, s := range map[string]directory.Store{"measured": m.Store("sqlite", stub{}, nil), "bare": stub{}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = s.User(b.Context(), "", "")
			}
		})
	}
}

func BenchmarkScrape(b *testing.B) {
	m := newMetrics()
	handler := m.Handler()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	}
}
