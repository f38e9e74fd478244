// Plain is a peer for make bench: the server that gqlgen's guide leads to, over
// Roster's own directory and store. It has the POST transport and a cache of
// queries, and nothing else: no sessions, permissions or limits.
//
//	plain DATA_DIR ADDRESS ADMINISTRATOR
package main

//go:generate go tool gqlgen generate

import (
	"context"
	"crypto/rand"
	"errors"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"roster/bench/plain/graph"
	"roster/internal/config"
	"roster/internal/directory"
	"roster/internal/sqlite"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: plain DATA_DIR ADDRESS ADMINISTRATOR")
	}
	log.Fatal(run(context.Background(), os.Args[1], os.Args[2], os.Args[3]))
}

func run(ctx context.Context, dataDir, address, administrator string) error {
	key, err := config.LoadOrCreateKey(dataDir)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, filepath.Join(dataDir, "roster.db"))
	if err != nil {
		return err
	}
	store := sqlite.NewStore(db)
	r := &resolver{directory: directory.New(store, sqlite.NewVault(db), directory.Settings{Secrets: [][]byte{key}}, nil, time.Now, rand.Reader)}
	if r.actor.Organization, err = r.directory.Organization(ctx, ""); err != nil {
		return err
	}
	found, err := store.UsersByKeys(ctx, r.actor.Organization.ID, []string{directory.NameKey(administrator)})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return errors.New("the administrator is not there")
	}
	r.actor.User = found[0]

	server := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: r}))
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	http.Handle("/graphql", server)
	return (&http.Server{Addr: address, ReadHeaderTimeout: time.Minute}).ListenAndServe()
}

// resolver answers the list as whoever administers.
type resolver struct {
	directory *directory.Directory
	actor     directory.Actor
}

func (r *resolver) Query() graph.QueryResolver { return r }

// Users implements QueryResolver.
func (r *resolver) Users(ctx context.Context, status *graph.UserStatus, search *string, orderBy *graph.UserOrder, first *int, after *string, last *int, before *string) (*graph.UserConnection, error) {
	filter := directory.UserFilter{Status: (*directory.Status)(status)}
	if search != nil {
		filter.Search = *search
	}
	order := directory.Order{Field: directory.ByName}
	if orderBy != nil {
		order = directory.Order{Field: directory.OrderField(orderBy.Field), Descending: orderBy.Direction == graph.OrderDirectionDesc}
	}
	page, err := r.directory.Users(ctx, r.actor, filter, order, directory.PageRequest{First: first, Last: last, After: after, Before: before})
	if err != nil {
		return nil, err
	}
	total, err := page.Total(ctx)
	if err != nil {
		return nil, err
	}
	connection := &graph.UserConnection{
		Nodes: make([]*graph.User, len(page.Users)), TotalCount: total,
		PageInfo: &graph.PageInfo{HasNextPage: page.HasNext, HasPreviousPage: page.HasPrev},
	}
	for i, u := range page.Users {
		connection.Nodes[i] = r.show(u)
	}
	if n := len(page.Users); n > 0 {
		connection.PageInfo.StartCursor, connection.PageInfo.EndCursor = new(page.Cursor(0)), new(page.Cursor(n-1))
	}
	return connection, nil
}

func (r *resolver) show(u *directory.User) *graph.User {
	role := r.actor.Organization.RoleOf(u)
	shown := &graph.User{
		ID: u.ID, Username: u.Username, Email: u.Email, Status: graph.UserStatus(u.Status),
		Role:    &graph.Role{ID: role.ID, Name: role.Name},
		CsmSeat: r.actor.Organization.TakesSeat(u), TwoFactorEnabled: u.TwoFactorEnabled(),
	}
	if u.Name != "" {
		shown.Name = &u.Name
	}
	if u.Title != "" {
		shown.Title = &u.Title
	}
	if !u.LastLoginAt.IsZero() {
		shown.LastLoginAt = &u.LastLoginAt
	}
	return shown
}
