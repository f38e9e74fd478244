package sqlite

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A ranking is what a sorted list would be, whatever is put in and taken out:
// walked from anywhere, in both directions, and asked for the nearest of a set.
func TestRanking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRanking(rapid.IntRange(4, 9).Draw(t, "room"))
		// model are the members of both parts, in the order of values.
		var model [2][]uint32
		values := map[uint32]int{}
		draw := func(what string) uint32 { return uint32(rapid.IntRange(0, 60).Draw(t, what)) }
		compare := func(a, b uint32) int { return cmp.Or(cmp.Compare(values[a], values[b]), cmp.Compare(a, b)) }
		remove := func(member uint32) {
			r.remove(member)
			for part := range model {
				model[part] = slices.DeleteFunc(model[part], func(m uint32) bool { return m == member })
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				member, part := draw("member"), rapid.IntRange(0, 1).Draw(t, "part")
				remove(member)
				values[member] = rapid.IntRange(0, 20).Draw(t, "value")
				at, _ := slices.BinarySearchFunc(model[part], member, compare)
				next := noMember
				if at < len(model[part]) {
					next = model[part][at]
				}
				if !r.insert(member, part, next) {
					t.Fatalf("%d is not put before %d", member, next)
				}
				model[part] = slices.Insert(model[part], at, member)
			},
			"remove":                  func(t *rapid.T) { remove(draw("member")) },
			"put where they are":      func(t *rapid.T) { refused(t, r, model, draw("member")) },
			"put before who is apart": func(t *rapid.T) { apart(t, r, model) },
			"": func(t *rapid.T) {
				for part, want := range model {
					if r.parts[part].people != len(want) {
						t.Fatalf("%d stand in part %d, counted %d", len(want), part, r.parts[part].people)
					}
					if part == 1 && !slices.Equal(slices.Sorted(slices.Values(want)), r.without.members()) {
						t.Fatalf("without: %v, want %v", r.without.members(), want)
					}
					for _, down := range []bool{false, true} {
						lookAround(t, r, part, down, want)
					}
				}
			},
		})
	})
}

// refused: nobody stands in two places.
func refused(t *rapid.T, r *ranking, model [2][]uint32, member uint32) {
	for part := range model {
		if slices.Contains(model[part], member) && r.insert(member, part, noMember) {
			t.Fatalf("%d stands there twice", member)
		}
	}
}

// apart: nobody is put into one part before somebody of the other.
func apart(t *rapid.T, r *ranking, model [2][]uint32) {
	if len(model[1]) > 0 && r.leaf(100) == nil && r.insert(100, 0, model[1][0]) {
		t.Fatal("somebody with a value is put among those without")
	}
}

// lookAround walks from every place, and asks for the nearest.
func lookAround(t *rapid.T, r *ranking, part int, down bool, want []uint32) {
	want = slices.Clone(want)
	if down {
		slices.Reverse(want)
	}
	begin := r.first(part, down)
	for i := 0; ; i++ {
		if got := slices.Collect(r.from(begin, down)); !slices.Equal(got, want[i:]) {
			t.Fatalf("from place %d of part %d, down %v: %v, want %v", i, part, down, got, want[i:])
		}
		sets := []*memberSet{setOf(nil), setOf(nil)}
		var near []uint32
		for _, member := range want[i:] {
			if member%3 > 0 {
				near = append(near, member)
			}
		}
		for member := range uint32(len(r.of)) {
			if r.leaf(member) != nil && member%3 > 0 {
				sets[member%3-1].add(member)
			}
		}
		limit := 1 + i%7
		if got := r.nearest(sets, nil, sizeOf(sets), begin, down, limit); !slices.Equal(got, near[:min(limit, len(near))]) {
			t.Fatalf("nearest from place %d of part %d, down %v: %v, want %v", i, part, down, got, near)
		}
		if i == len(want) {
			return
		}
		at, ok := r.spot(want[i])
		if !ok {
			t.Fatalf("%d stands nowhere", want[i])
		}
		begin = at.behind(down)
	}
}

// The nearest of many are those that a walk would meet, whether they stand
// anywhere or together.
func TestNearestOfMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const people = 2_000
		r := newRanking(8)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		order := random.Perm(people)
		for i, member := range order {
			if !r.append(uint32(member), i*2/people) {
				t.Fatal("no room")
			}
		}
		parts := [][]int{order[:people/2], order[people/2:]}
		one, other := setOf(nil), setOf(nil)
		from, to := 0, people
		if rapid.Bool().Draw(t, "together") {
			from, to = people/5, people/2
		}
		for range rapid.SampledFrom([]int{0, 20, 300, 900}).Draw(t, "members") {
			if member := uint32(order[from+random.IntN(to-from)]); member%2 == 0 {
				one.add(member)
			} else {
				other.add(member)
			}
		}
		for range 5 {
			down, limit := rapid.Bool().Draw(t, "down"), rapid.IntRange(1, 60).Draw(t, "limit")
			part := rapid.IntRange(0, 1).Draw(t, "part")
			begin := rapid.IntRange(0, people/2-1).Draw(t, "begin")
			at, _ := r.spot(uint32(parts[part][begin]))
			walk := slices.Clone(parts[part][begin:])
			if down {
				walk = slices.Clone(parts[part][:begin+1])
				slices.Reverse(walk)
			}
			// Some of them, by a group that each third is not in.
			var of *groupsOf
			if rapid.Bool().Draw(t, "of") {
				of = &groupsOf{make([]uint16, people), []bool{true, false}}
				for member := 0; member < people; member += 3 {
					of.group[member] = 1
				}
			}
			sets, want := []*memberSet{one, other}, []uint32{}
			for _, member := range walk {
				if m := uint32(member); len(want) < limit && of.have(m) && (one.contains(m) || other.contains(m)) {
					want = append(want, m)
				}
			}
			if got := r.nearest(sets, of, sizeOf(sets), at, down, limit); !slices.Equal(want, got) {
				t.Fatalf("part %d from %d, down %v, %d: got %v, want %v", part, begin, down, limit, got, want)
			}
		}
	})
}
