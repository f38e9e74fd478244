package mongo

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"roster/internal/directory"
	"roster/internal/sample"
)

// The tables of docs/scaling.md that are calculated are calculated here, from
// the documents as they are encoded and from what requests cost, and the page is
// held against them:
//
//	go test ./internal/mongo -run TestScalingPage -update

var rewrite = flag.Bool("update", false, "write the calculated tables of docs/scaling.md anew")

const scalingPage = "../../docs/scaling.md"

func TestScalingPage(t *testing.T) {
	page, err := os.ReadFile(scalingPage)
	if err != nil {
		t.Fatal(err)
	}
	people := samplePeople(t, 20_000)
	s := sizesOf(people)
	costs := costsOfRequests(t)
	written := string(page)
	for name, table := range map[string]string{
		"documents": s.documents(), "indexes": s.indexTable(), "requests": costs.table(), "large": large(s, costs), "spread": spread(s),
	} {
		block := regexp.MustCompile(`(?s)(<!-- ` + name + `, calculated -->\n).*?(<!-- end -->)`)
		if !block.MatchString(written) {
			t.Fatalf("the page has no place for %q", name)
		}
		written = block.ReplaceAllString(written, "${1}\n"+strings.ReplaceAll(table, "$", "$$")+"\n${2}")
	}
	if written == string(page) {
		return
	}
	if !*rewrite {
		t.Fatal("docs/scaling.md is not what is calculated: go test ./internal/mongo -run TestScalingPage -update")
	}
	if err := os.WriteFile(scalingPage, []byte(written), 0o644); err != nil { //nolint:gosec // as the files beside it
		t.Fatal(err)
	}
}

// sampleHash is as long as all are.
const sampleHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObGhyn2r5dd1kU"

// hall takes in the people who are made up for a store.
type hall struct {
	directory.Store
	people []*directory.User
}

func (h *hall) BeginClaims(_ context.Context, _ string, batch directory.ClaimBatch) ([]error, error) {
	return make([]error, len(batch.Changes)), nil
}
func (h *hall) SettleClaims(context.Context, string, []directory.Settlement) error { return nil }
func (h *hall) InsertUsers(_ context.Context, users []*directory.User) ([]error, error) {
	h.people = append(h.people, users...)
	return make([]error, len(users)), nil
}

// sampleOrganization is like a new one.
func sampleOrganization() *directory.Organization {
	o := &directory.Organization{
		ID: directory.NewID("org_", time.Unix(0, 0), rand.NewChaCha8([32]byte{})), Name: "Acme", Slug: "acme", Version: 1,
		CreatedAt: time.Unix(0, 0), UpdatedAt: time.Unix(0, 0), SeatLimit: 1000,
	}
	for i, name := range []string{"Administrator", "Customer Success Manager", "User Manager", "Viewer"} {
		o.Roles = append(o.Roles, directory.Role{
			ID: fmt.Sprintf("role_%026d", i), Name: name, Description: "Does what people with this role do.", BuiltIn: true, Version: 1,
			Permissions: []directory.Permission{directory.ViewUsers, directory.ManageUsers},
		})
	}
	return o
}

// samplePeople are those that --seed makes.
func samplePeople(t *testing.T, n int) []*directory.User {
	t.Helper()
	var h hall
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := sample.Fill(t.Context(), &h, sampleOrganization(), n, sampleHash, now, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return h.people
}

// sizes are bytes: of BSON as it is stored before compression, and of the keys
// of indexes before WiredTiger leaves out what neighbours have in common.
type sizes struct {
	user, session, event, organization, role, seat, group float64
	indexes                                               []indexSize
	eventIndexes                                          float64
}

type indexSize struct {
	name string
	// entries and bytes are of one person, on average.
	entries, bytes float64
}

func bsonSize(document any) float64 {
	raw, err := bson.Marshal(document)
	if err != nil {
		panic(err)
	}
	return float64(len(raw))
}

func sizesOf(people []*directory.User) (s sizes) {
	documents := make([]bson.Raw, len(people))
	for i, u := range people {
		raw, err := bson.Marshal(&userDocument{ID: u.ID, OrganizationID: u.OrganizationID, Fields: fieldsOf(u), Arrival: bson.NewObjectID()})
		if err != nil {
			panic(err)
		}
		documents[i] = raw
		s.user += float64(len(raw)) / float64(len(people))
	}
	one := people[0].Clone()
	before := bsonSize(fieldsOf(one))
	for range 10 {
		one.Sessions = append(one.Sessions, directory.SessionRef{ID: "sess_" + strings.Repeat("0", 26), ExpiresAt: time.Unix(0, 0)})
	}
	s.session = (bsonSize(fieldsOf(one)) - before) / 10

	event := documentOfEvent(directory.Event{
		ID: "evt_" + strings.Repeat("0", 26), OrganizationID: one.OrganizationID, Action: directory.SignedIn, ActorID: one.ID, TargetID: one.ID,
		At: time.Unix(0, 0), Origin: directory.Origin{IP: "203.0.113.77", UserAgent: sampleAgent},
	})
	s.event = bsonSize(event)
	// By id, by organization, by person and by action.
	s.eventIndexes = keySize(event.ID) + keySize(event.OrganizationID, event.ID) +
		keySize(event.OrganizationID, event.ActorID, event.ID) + keySize(event.OrganizationID, string(event.Action), event.ID)

	o := sampleOrganization()
	organization := func() float64 {
		return bsonSize(organizationDocument{ID: o.ID, Slug: o.Slug, Fields: fieldsOfOrganization(o)})
	}
	s.organization = organization()
	o.Roles = append(o.Roles, o.Roles...)
	s.role = (organization() - s.organization) / 4
	// An id with the place of an element of an array, and a count with its group.
	s.seat = bsonSize(bson.D{{Key: "10000", Value: one.ID}}) - bsonSize(bson.D{})
	s.group = bsonSize(bson.D{{Key: groupKey(directory.GroupOf(one)), Value: 1}}) - bsonSize(bson.D{})

	s.indexes = append(s.indexes, indexSize{"_id", 1, keySize(one.ID)})
	for _, model := range userIndexes() {
		var name []string
		keys, _ := model.Keys.(bson.D)
		for _, field := range keys {
			name = append(name, field.Key)
		}
		size := indexSize{name: strings.Join(name, ", ")}
		for _, document := range documents {
			entries, bytes := entriesOf(document, keys, model.Options != nil && isPartial(name))
			size.entries += float64(entries) / float64(len(documents))
			size.bytes += float64(bytes) / float64(len(documents))
		}
		s.indexes = append(s.indexes, size)
	}
	return s
}

const sampleAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// isPartial tells which indexes have only those who have the field.
func isPartial(fields []string) bool {
	return slices.ContainsFunc([]string{"links", "due", "pending.id"}, func(f string) bool { return slices.Contains(fields, f) })
}

// entriesOf are the entries that a document has in an index, and their bytes.
func entriesOf(document bson.Raw, keys bson.D, partial bool) (entries, bytes int) {
	alternatives := [][]any{{}}
	for _, field := range keys {
		value := document.Lookup(strings.Split(field.Key, ".")...)
		if value.Type == 0 && partial {
			return 0, 0
		}
		var values []any
		if list, ok := value.ArrayOK(); ok {
			all, _ := list.Values()
			for _, one := range all {
				values = append(values, one.StringValue())
			}
		} else {
			var plain any
			_ = value.Unmarshal(&plain)
			values = []any{plain}
		}
		var longer [][]any
		for _, key := range alternatives {
			for _, v := range values {
				longer = append(longer, append(slices.Clone(key), v))
			}
		}
		alternatives = longer
	}
	for _, key := range alternatives {
		bytes += int(keySize(key...))
	}
	return len(alternatives), bytes
}

// keySize is the length of an entry as MongoDB encodes it (KeyString): for each
// value its type and itself, an end for a text and for the whole, and where the
// document is, in five bytes.
func keySize(values ...any) float64 {
	n := 1 + 5
	for _, v := range values {
		switch v := v.(type) {
		case string:
			n += 1 + len(v) + 1
		case bool, nil:
			n++
		default: // a time
			n += 1 + 8
		}
	}
	return float64(n)
}

func (s sizes) indexBytes() (all float64) {
	for _, i := range s.indexes {
		all += i.bytes
	}
	return all
}

func (s sizes) documents() string {
	var b strings.Builder
	b.WriteString("| document | bytes |\n| --- | --- |\n")
	for _, row := range []struct {
		name  string
		bytes float64
	}{
		{"a person as `--seed` makes them, on average", s.user}, {"each session of theirs that lives, more", s.session},
		{"an audit event (a sign-in)", s.event}, {"an organization with four roles", s.organization}, {"each further role", s.role},
		{"a seat in the claims of an organization", s.seat}, {"a group in its counts (status × role × second factor)", s.group},
	} {
		fmt.Fprintf(&b, "| %s | %.0f |\n", row.name, row.bytes)
	}
	return b.String()
}

func (s sizes) indexTable() string {
	var b strings.Builder
	b.WriteString("| index of `users` | entries a person | bytes a person | GB per million people |\n| --- | --- | --- | --- |\n")
	for _, i := range s.indexes {
		fmt.Fprintf(&b, "| `%s` | %.2f | %.0f | %.3f |\n", i.name, i.entries, i.bytes, i.bytes*1e6/1e9)
	}
	fmt.Fprintf(&b, "| all of them | | %.0f | %.2f |\n", s.indexBytes(), s.indexBytes()*1e6/1e9)
	fmt.Fprintf(&b, "| the documents beside them | | %.0f | %.2f |\n", s.user, s.user*1e6/1e9)
	return b.String()
}

// costs are the commands of MongoDB and the round trips to Redis of operations.
type costs map[string][2]int

func costsOfRequests(t *testing.T) costs {
	t.Helper()
	file, err := os.ReadFile("../../testdata/costs-services.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := costs{}
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") || len(line) < 33 {
			continue
		}
		var cost [2]int
		for what := range strings.SplitSeq(strings.TrimSpace(line[33:]), ", ") {
			n := 1
			if _, times, many := strings.Cut(what, " ×"); many {
				if n, err = strconv.Atoi(times); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasPrefix(what, "mongodb ") {
				cost[0] += n
			} else {
				cost[1] += n
			}
		}
		all[strings.TrimSpace(line[:33])] = cost
	}
	return all
}

func (c costs) table() string {
	var b strings.Builder
	b.WriteString("| request | MongoDB | Redis |\n| --- | --- | --- |\n")
	for _, row := range []struct{ name, operation string }{
		{"whoever is signed in asks for anything: the session, the person, the organization", "console Viewer"},
		{"the list of people, with its total", "benchmark List"},
		{"the console's Users page, all of it, with who invited whom", "console Users"},
		{"a person's page", "console Person"},
		{"the audit log, with its total and the people in it", "console AuditLog"},
		{"roles with how many have them", "console Roles"},
		{"signing in", "console Login"},
		{"inviting 1 to 100 people", "console InviteUsers"},
		{"changing a name or title", "console UpdateUser"},
		{"deleting somebody", "console DeleteUser"},
	} {
		cost := c[row.operation]
		fmt.Fprintf(&b, "| %s | %d | %d |\n", row.name, cost[0], cost[1])
	}
	return b.String()
}

// What is assumed of 100 million people in 100,000 organizations.
const (
	manyPeople        = 100_000_000
	manyOrganizations = 100_000
	assumedSessions   = 0.1 // of the people have one, in the busiest hour
	assumedRequests   = 60  // an hour, of each session
	assumedEvents     = 300 // a year, of each person: signing in on each working day, and some more
	// sessionMemory is measured: see TestMemoryOfSessions of internal/redis.
	sessionMemory = 2251
)

func large(s sizes, c costs) string {
	const giga, tera = 1e9, 1e12
	sessions := manyPeople * assumedSessions
	requests := sessions * assumedRequests / 3600
	list := c["benchmark List"]
	events := float64(manyPeople) * assumedEvents
	groups := 12.0 // three statuses, four roles, and a second factor for some
	rows := []struct{ what, how, n string }{
		{"documents of people", fmt.Sprintf("%s × %.0f bytes", thousands(manyPeople), s.user), fmt.Sprintf("%.0f GB", manyPeople*s.user/giga)},
		{"indexes of people", fmt.Sprintf("%s × %.0f bytes", thousands(manyPeople), s.indexBytes()), fmt.Sprintf("%.0f GB", manyPeople*s.indexBytes()/giga)},
		{"organizations", fmt.Sprintf("%s × %.0f bytes", thousands(manyOrganizations), s.organization), fmt.Sprintf("%.2f GB", manyOrganizations*s.organization/giga)},
		{"counts and claims", fmt.Sprintf("%s × (%.0f groups × %.0f + 100 seats × %.0f bytes)", thousands(manyOrganizations), groups, s.group, s.seat),
			fmt.Sprintf("%.2f GB", manyOrganizations*(groups*s.group+100*s.seat)/giga)},
		{"audit events, a year", fmt.Sprintf("%s × (%.0f + %.0f bytes of indexes)", thousands(events), s.event, s.eventIndexes),
			fmt.Sprintf("%.0f TB", events*(s.event+s.eventIndexes)/tera)},
		{"requests in the busiest hour", fmt.Sprintf("%s sessions × %d an hour", thousands(sessions), assumedRequests), thousands(requests) + " a second"},
		{"commands of MongoDB, if all are lists", fmt.Sprintf("%d each", list[0]), thousands(requests*float64(list[0])) + " a second"},
		{"round trips to Redis", fmt.Sprintf("%d each", list[1]), thousands(requests*float64(list[1])) + " a second"},
		{"memory of sessions in Redis", fmt.Sprintf("%s × %d bytes", thousands(sessions), sessionMemory), fmt.Sprintf("%.1f GB", sessions*sessionMemory/giga)},
		{"audit events written", thousands(events) + " a year, evenly", fmt.Sprintf("%.0f a second", events/(365*24*3600))},
	}
	var b strings.Builder
	b.WriteString("| what | from | is |\n| --- | --- | --- |\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.what, row.how, row.n)
	}
	return b.String()
}

// spread puts organizations of very different sizes on shards, as a balancer
// would that knows their sizes: the largest first, each to the emptiest shard.
// Sizes fall as a power of the rank, so that the largest tenth has most people.
func spread(s sizes) string {
	weights, sum := make([]float64, manyOrganizations), 0.0
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -0.7)
		sum += weights[i]
	}
	people := make([]float64, manyOrganizations)
	tenth := 0.0
	for i, w := range weights {
		people[i] = manyPeople * w / sum
		if i < manyOrganizations/10 {
			tenth += people[i]
		}
	}
	each := s.user + s.indexBytes()
	const rangeSize = 128 << 20
	unsplit := 0
	for _, n := range people {
		if n*s.user > rangeSize {
			unsplit++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The largest organization has %s people (%.1f GB with indexes), the median %.0f, and the largest tenth has %.0f %% of all.\n\n",
		thousands(people[0]), people[0]*each/1e9, people[manyOrganizations/2], 100*tenth/manyPeople)
	fmt.Fprintf(&b, "A range of MongoDB's default size, 128 MB, holds %s people; %d organizations are larger, and stay one range each.\n\n",
		thousands(math.Floor(rangeSize/s.user)), unsplit)
	b.WriteString("| shards | people on the fullest | GB on it, with indexes | the fullest against the mean | share of its people in its largest organization |\n| --- | --- | --- | --- | --- |\n")
	for _, shards := range []int{1, 3, 10, 30, 100} {
		full, largest := make([]float64, shards), make([]float64, shards)
		for _, n := range people {
			emptiest := 0
			for i := range full {
				if full[i] < full[emptiest] {
					emptiest = i
				}
			}
			full[emptiest] += n
			largest[emptiest] = max(largest[emptiest], n)
		}
		fullest := slices.Index(full, slices.Max(full))
		fmt.Fprintf(&b, "| %d | %s | %.0f | %.2f | %.1f %% |\n", shards, thousands(full[fullest]), full[fullest]*each/1e9,
			full[fullest]/(manyPeople/float64(shards)), 100*largest[fullest]/full[fullest])
	}
	return b.String()
}

// thousands is a whole number that people can read.
func thousands(n float64) string {
	text := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
