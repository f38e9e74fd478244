package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"roster/internal/account"
	"roster/internal/directory"
	rostermail "roster/internal/mail"
	"roster/internal/notice"
	"roster/internal/relay"
)

// house is a copy of the filled store with all that writes into it.
type house struct {
	store     *Store
	directory *directory.Directory
	accounts  *account.Accounts
	org       *directory.Organization
	admin     directory.Actor
}

const housePassword = "four small words together"

// newHouse copies the filled store, so that what a benchmark writes is not
// there for the next.
func newHouse(b *testing.B, tell func(*Store) directory.Relay) house {
	b.Helper()
	_, org := filled(b)
	path := filepath.Join(b.TempDir(), "roster.db")
	from, err := os.Open(benchmarkFile(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		b.Fatal(err)
	}
	if err := to.Close(); err != nil {
		b.Fatal(err)
	}
	db := open(b, path)
	h := house{store: NewStore(db), org: org}
	h.directory = directory.New(h.store, NewVault(db), directory.Settings{
		Secrets: [][]byte{{1}}, InvitationTTL: 168 * time.Hour, InvitationsPerHour: 1 << 30,
	}, tell(h.store), time.Now, rand.Reader)
	h.accounts, err = account.New(h.directory, h.store, NewVault(db), account.Settings{PasswordMinLength: 15, Secrets: [][]byte{make([]byte, 32)}}, time.Now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	hash, err := h.accounts.HashPassword(b.Context(), housePassword)
	if err != nil {
		b.Fatal(err)
	}
	var role directory.Role
	for _, role = range org.Roles {
		if role.Administers() {
			break
		}
	}
	ids, err := h.store.Members(b.Context(), org.ID, role.ID, directory.Active, 1)
	if err != nil || len(ids) == 0 {
		b.Fatal("nobody administers", err)
	}
	admin, err := h.store.User(b.Context(), org.ID, ids[0])
	if err != nil {
		b.Fatal(err)
	}
	admin.Credentials.PasswordHash = hash
	if err := h.store.UpdateUser(b.Context(), admin); err != nil {
		b.Fatal(err)
	}
	h.admin = directory.Actor{User: admin, Organization: org, AuthenticatedAt: time.Now()}
	return h
}

func (h house) invite(b *testing.B, role directory.Role, turn int) {
	b.Helper()
	emails := make([]string, 100)
	for i := range emails {
		emails[i] = fmt.Sprintf("Person Number%d <person%d.of%d@benchmark.example>", i, i, turn)
	}
	results, err := h.directory.InviteUsers(b.Context(), h.admin, emails, role.ID, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range results {
		if r.Outcome != directory.OutcomeInvited {
			b.Fatal(r.Outcome, r.Message)
		}
	}
}

// BenchmarkInvite invites a hundred people into the filled store.
func BenchmarkInvite(b *testing.B) {
	h := newHouse(b, func(*Store) directory.Relay { return nobody{} })
	turn := 0
	for _, name := range []string{"Viewer", "Customer Success Manager"} {
		for _, role := range h.org.Roles {
			if role.Name == name {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						turn++
						h.invite(b, role, turn)
					}
				})
			}
		}
	}
}

// delivered is a relay, of which it is known how many mails it has sent.
type delivered struct {
	*relay.Relay
	sent atomic.Int64
}

// Send implements the transport of mails.
func (d *delivered) Send(context.Context, rostermail.Message) error {
	d.sent.Add(1)
	return nil
}

// BenchmarkTell tells of a hundred invitations, to a mail server that takes no
// time.
func BenchmarkTell(b *testing.B) {
	d := &delivered{}
	h := newHouse(b, func(store *Store) directory.Relay {
		d.Relay = relay.New(store, d, relay.Links{Base: "http://localhost"}, notice.NewHub(nil), slog.New(slog.DiscardHandler), time.Now, rand.Reader)
		return d
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	defer func() { stop(); <-done }()
	for turn := 0; b.Loop(); turn++ {
		h.invite(b, h.org.Roles[len(h.org.Roles)-1], turn)
		for want := int64(turn+1) * 100; d.sent.Load() < want; {
			time.Sleep(100 * time.Microsecond)
		}
		for {
			due, err := h.store.DueUsers(b.Context(), time.Now().Add(time.Hour), 1)
			if err != nil {
				b.Fatal(err)
			}
			if len(due) == 0 {
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// BenchmarkSignIn signs in; "hash" is what one argon2id costs of that.
func BenchmarkSignIn(b *testing.B) {
	h := newHouse(b, func(*Store) directory.Relay { return nobody{} })
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.accounts.Login(b.Context(), directory.Origin{IP: "127.0.0.1"}, account.Credentials{Username: h.admin.User.Email, Password: housePassword}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hash", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.accounts.HashPassword(b.Context(), housePassword); err != nil {
				b.Fatal(err)
			}
		}
	})
}
