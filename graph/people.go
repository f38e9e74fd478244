package graph

import (
	"context"
	"sync"

	"roster/internal/directory"
)

// people are looked up by id, each once. A list mentions the people at its
// edges; when the first of them is asked for, all that were mentioned are looked
// up together. So the edges of a page cost one trip to the store, however long
// it is and however busy the machine, and nobody waits for others to join.
type people struct {
	find func(ctx context.Context, ids []string) (map[string]*directory.User, error)

	mu sync.Mutex
	// mentioned are those whom nobody has asked for yet.
	mentioned []string
	// asked are the look-ups by who is among them.
	asked map[string]func(context.Context) (map[string]*directory.User, error)
}

func newPeople(find func(context.Context, []string) (map[string]*directory.User, error)) *people {
	return &people{find: find, asked: map[string]func(context.Context) (map[string]*directory.User, error){}}
}

// mention says who may be asked for; an empty id is nobody.
func (p *people) mention(ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mentioned = append(p.mentioned, ids...)
}

// user is the one with an id; nil when there is none.
func (p *people) user(ctx context.Context, id string) (*directory.User, error) {
	p.mu.Lock()
	found := p.asked[id]
	if found == nil {
		var ids []string
		found = once(func(ctx context.Context) (map[string]*directory.User, error) { return p.find(ctx, ids) })
		for _, one := range append(p.mentioned, id) {
			if one != "" && p.asked[one] == nil {
				p.asked[one] = found
				ids = append(ids, one)
			}
		}
		p.mentioned = nil
	}
	p.mu.Unlock()
	users, err := found(ctx)
	return users[id], err
}
