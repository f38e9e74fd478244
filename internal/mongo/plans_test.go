//go:build services

package mongo

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// asked is a kind of question that was put to the server: what is the same but
// for its values is asked for once.
type asked struct {
	collection string
	// explain is the command whose plan answers for it: itself, or for a write
	// the search for what is written.
	explain bson.D
	filter  bson.D
	sort    bson.D
}

// asked are the questions in all that was said.
func (r *recorder) asked(t *testing.T) map[string]asked {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	kinds := map[string]asked{}
	add := func(a asked) {
		if kind := fmt.Sprintf("%s %s %s", a.collection, kindOf(a.filter), kindOf(a.sort)); kinds[kind].explain == nil {
			kinds[kind] = a
		}
	}
	for _, c := range r.all {
		switch c.name {
		case "find":
			var sort bson.D
			if by, ok := c.Lookup("sort").DocumentOK(); ok {
				sort = decoded(t, by)
			}
			add(asked{c.collection, c.question(t), decoded(t, c.filters()[0]), sort})
		case "aggregate":
			add(asked{c.collection, c.question(t), decoded(t, c.filters()[0]), c.sorted(t)})
		case "update", "findAndModify":
			for _, filter := range c.filters() {
				f := decoded(t, filter)
				add(asked{c.collection, bson.D{{Key: "find", Value: c.collection}, {Key: "filter", Value: f}}, f, nil})
			}
		}
	}
	return kinds
}

func decoded(t *testing.T, raw bson.Raw) bson.D {
	t.Helper()
	var d bson.D
	if err := bson.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// sorted is the order of a pipeline that has one.
func (c command) sorted(t *testing.T) bson.D {
	t.Helper()
	stages, err := c.Lookup("pipeline").Array().Values()
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range stages {
		if order, ok := stage.Document().Lookup("$sort").DocumentOK(); ok {
			return decoded(t, order)
		}
	}
	return bson.D{{Key: "aggregate", Value: true}}
}

// question is the command without what belongs to the connection.
func (c command) question(t *testing.T) (question bson.D) {
	t.Helper()
	return slices.DeleteFunc(decoded(t, c.Raw), func(e bson.E) bool {
		return slices.Contains([]string{"lsid", "$db", "$clusterTime", "readConcern", "maxTimeMS"}, e.Key)
	})
}

// kindOf is a document without its values, but for directions and operators.
func kindOf(v any) string {
	switch part := v.(type) {
	case bson.D:
		fields := make([]string, len(part))
		for i, e := range part {
			fields[i] = e.Key + ":" + kindOf(e.Value)
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, " ") + "}"
	case bson.A:
		var kinds []string
		for _, one := range part {
			kinds = append(kinds, kindOf(one))
		}
		slices.Sort(kinds)
		return "[" + strings.Join(slices.Compact(kinds), " ") + "]"
	case int32:
		return fmt.Sprint(part)
	}
	return fmt.Sprintf("%T", v)
}

// plansHold asks the server how it finds what was asked for while the contract
// was tested: so a new command is looked at without anybody thinking of it. None may go through a
// whole collection or a whole organization, nor sort what an index has in order;
// and none but the sweeps may concern more than one shard.
func (r *recorder) plansHold(t *testing.T, s *Store) {
	t.Helper()
	indexes := map[string][]bson.D{}
	needed := map[excuse]bool{}
	collections := map[string]int{}
	plans := map[string]plan{}
	for kind, a := range r.asked(t) {
		collections[a.collection]++
		if !a.targeted() {
			t.Errorf("concerns all shards: %s", kind)
		}
		if indexes[a.collection] == nil {
			indexes[a.collection] = indexesOn(t, s, a.collection)
		}
		// Which way an index is walked makes no difference to which one it is.
		oneWay := strings.NewReplacer("-1", "1", "$lt", "$gt").Replace(kind)
		p, known := plans[oneWay]
		if !known {
			p = planOf(t, s, a.explain)
			plans[oneWay] = p
		}
		faults := p.faults()
		// The DocumentDB engine sorts also what it reads in order, so that what a
		// sort costs MongoDB is told by MongoDB's rule, and not by the engine's plan.
		if p.sorts || !slices.ContainsFunc(indexes[a.collection], func(index bson.D) bool { return inOrder(a.filter, a.sort, index) }) {
			faults = append(faults, "it sorts")
		}
		for _, fault := range faults {
			i := slices.IndexFunc(excuses, func(e excuse) bool { return e.fault == fault && strings.Contains(kind, e.kind) })
			if i < 0 {
				t.Errorf("%s: %s\n%v", fault, kind, p.reply)
				break
			}
			needed[excuses[i]] = true
		}
	}
	for _, e := range excuses {
		if !needed[e] && !e.onMongoDB {
			t.Errorf("nothing needs the excuse %+v", e)
		}
	}
	// So that the test does not pass by looking at nothing.
	for collection, fewest := range map[string]int{"users": 100, "events": 20, "claims": 10, "counts": 5, "organizations": 4} {
		if collections[collection] < fewest {
			t.Errorf("%d kinds of questions about %s were looked at", collections[collection], collection)
		}
	}
}

// excuse is why a fault of a kind of question is none.
type excuse struct {
	kind, fault, why string
	// onMongoDB tells that the DocumentDB engine does not have the fault.
	onMongoDB bool
}

var excuses = []excuse{
	{kind: "words:{", fault: "it sorts", onMongoDB: true,
		why: "whoever has a rare word is found by it, and the few that are found are sorted"},
	{kind: "role:{$nin:", fault: "it sorts", why: "people of roles that were made or deleted while the list was asked for"},
	{kind: "organizations {slug:string} {_id:1}", fault: "it sorts", why: "slugs are unique"},
	{kind: "events {org:string} {_id:-1}", fault: "it reads a whole organization", why: "it stops at the limit"},
	{kind: "events {org:string} {aggregate:", fault: "it reads a whole organization", why: "it stops at the limit"},
	{kind: "claims {open.since:", fault: "it sorts", why: "an index of an array has no order; what is sorted are the organizations that a crash has left claims in"},
}

// plan is what the server says of how it finds something.
type plan struct {
	reply        bson.D
	indexes      []string
	whole        bool // it reads a collection
	sorts        bool // in MongoDB's words
	organization bool // of an index it reads all of an organization
}

func (p plan) faults() (faults []string) {
	if p.whole || len(p.indexes) == 0 {
		faults = append(faults, "it reads a whole collection")
	}
	if p.organization {
		faults = append(faults, "it reads a whole organization")
	}
	return faults
}

func planOf(t *testing.T, s *Store, question bson.D) (p plan) {
	t.Helper()
	explain := bson.D{{Key: "explain", Value: question}, {Key: "verbosity", Value: "queryPlanner"}}
	if err := s.database.RunCommand(t.Context(), explain).Decode(&p.reply); err != nil {
		t.Fatalf("%v: %v", question, err)
	}
	p.indexes = indexesOf(p.reply, false)
	// MongoDB writes the bounds of an index as a document, the DocumentDB engine
	// as text, of which nothing is left when an index has one field only.
	unbound := regexp.MustCompile(`^\[?"org": \[[^\]]*\], "[^"]+": \(MinKey, MaxKey\)`)
	var look func(part any, winning bool)
	look = func(part any, winning bool) {
		switch part := part.(type) {
		case bson.D:
			for _, e := range part {
				switch value := e.Value.(type) {
				case string:
					switch {
					case e.Key == "Node Type" && value == "Seq Scan", winning && e.Key == "stage" && value == "COLLSCAN":
						p.whole = true
					case e.Key == "Index Name" && value == "_id_", winning && e.Key == "stage" && (value == "IDHACK" || value == "EXPRESS_IXSCAN"):
						p.indexes = append(p.indexes, "_id_")
					case winning && e.Key == "stage" && value == "SORT":
						p.sorts = true
					}
				case bson.D:
					if e.Key == "indexBounds" && len(value) > 1 && value[0].Key == "org" && fmt.Sprint(value[1].Value) == "[[MinKey, MaxKey]]" {
						p.organization = true
					}
				case bson.A:
					for _, bounds := range value {
						if text, ok := bounds.(string); ok && e.Key == "indexBounds" && unbound.MatchString(text) {
							p.organization = true
						}
					}
				}
				look(e.Value, winning || e.Key == "winningPlan")
			}
		case bson.A:
			for _, one := range part {
				look(one, winning)
			}
		}
	}
	look(p.reply, false)
	return p
}

// indexesOn are the fields of the indexes of a collection.
func indexesOn(t *testing.T, s *Store, collection string) (all []bson.D) {
	t.Helper()
	cursor, err := s.database.Collection(collection).Indexes().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []struct {
		Key bson.D `bson:"key"`
	}
	if err := cursor.All(t.Context(), &found); err != nil {
		t.Fatal(err)
	}
	for _, index := range found {
		all = append(all, index.Key)
	}
	return all
}

// arrays are the indexed fields of which a document has several values: an
// index of them has no order of documents.
var arrays = []string{"keys", "words", "links", "people", "pending.id", "arriving.id", "open.since"}

// inOrder tells whether MongoDB reads what is asked for from the index in the
// order that is asked for. The fields before those of the order have one value
// or a few, for each of which it walks a piece of the index, and it merges the
// pieces; between those of the order they have one.
func inOrder(filter, sort, index bson.D) bool {
	if len(sort) == 0 || sort[0].Key == "aggregate" {
		return true
	}
	values := valuesOf(filter)
	if _, begins := values[index[0].Key]; !begins && len(filter) > 0 {
		return false
	}
	inside := false
	for _, field := range index {
		switch {
		case field.Key == sort[0].Key && !slices.Contains(arrays, field.Key):
			// All orders go one way, and an index is walked either way.
			inside = true
			if sort = sort[1:]; len(sort) == 0 {
				return true
			}
		case values[field.Key] != single && (inside || values[field.Key] != several):
			return false
		}
	}
	return false
}

// How many values a filter lets a field have.
const (
	single  = 1
	several = 2
	unbound = 3
)

func valuesOf(filter bson.D) map[string]int {
	values := map[string]int{}
	for _, e := range filter {
		n := single
		switch value := e.Value.(type) {
		case bson.A:
			if e.Key == "$and" {
				for _, part := range value {
					for field, n := range valuesOf(part.(bson.D)) {
						values[field] = min(n, cmp.Or(values[field], unbound))
					}
				}
			}
			continue
		case bson.D:
			n = unbound
			if value[0].Key == "$in" {
				n = several
			}
		case bson.Regex:
			n = unbound
		}
		values[e.Key] = min(n, cmp.Or(values[e.Key], unbound))
	}
	return values
}

// targeted tells whether the router of a sharded cluster knows the shard.
func (a asked) targeted() bool {
	key := map[string]string{"users": "org", "events": "org", "claims": "_id", "counts": "_id"}[a.collection]
	if key == "" { // organizations are not sharded
		return true
	}
	if len(a.filter) > 0 && slices.Contains([]string{"due", "pending.id", "arriving.id", "open.since"}, a.filter[0].Key) {
		return true // a sweep, which looks at all of them, seldom
	}
	return slices.ContainsFunc(a.filter, func(e bson.E) bool { _, text := e.Value.(string); return e.Key == key && text })
}
