package directory_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"roster/internal/directory"
)

func TestKeys(t *testing.T) {
	t.Run("spellings of one name have one key", func(t *testing.T) {
		for _, same := range [][]string{
			{"ann", "Ann", "ANN", " ann\t", "\u00a0ann\u3000", "ａｎｎ", "ＡＮＮ"},
			{"kelvin", "\u212aelvin", "KELVIN"}, // the Kelvin sign is a K
			{"jörg", "JÖRG", "jo\u0308rg", "JO\u0308RG"},
			{"strasse", "straße", "STRASSE", "STRAẞE"},
			{"finn", "ﬁnn", "FINN"},
			{"σοφος", "ΣΟΦΟΣ", "σοφος"},
			{"x1", "x①", "X¹"},
		} {
			for _, s := range same {
				assert.Equal(t, directory.Key(same[0]), directory.Key(s), "%+q", s)
				assert.Equal(t, directory.NameKey(same[0]), directory.NameKey(s), "%+q", s)
			}
		}
	})
	t.Run("different names have different keys", func(t *testing.T) {
		names := []string{
			"igor", "ıgor", // the dotless i is another letter
			"jorg", "jörg", // an accent tells people apart
			"ann", "аnn", // the second begins with a Cyrillic letter
			"a.nn", "an.n", "a nn", "ann+x", "ann1",
		}
		seen := map[string]string{}
		for _, name := range names {
			key := directory.Key(name)
			assert.Empty(t, seen[key], "%q", name)
			seen[key] = name
		}
	})
	t.Run("a domain and its punycode are one", func(t *testing.T) {
		for _, s := range []string{"ann@bücher.example", "Ann@BÜCHER.Example", "ann@xn--bcher-kva.example", "ANN@XN--BCHER-KVA.example", "ann@bu\u0308cher.example", "ann@bücher。example"} {
			assert.Equal(t, "ann@xn--bcher-kva.example", directory.EmailKey(s), "%+q", s)
			assert.Equal(t, "ann@xn--bcher-kva.example", directory.NameKey(s), "%+q", s)
		}
	})
	t.Run("a look-alike domain is another address", func(t *testing.T) {
		assert.NotEqual(t, directory.EmailKey("ann@example.com"), directory.EmailKey("ann@exаmple.com")) // Cyrillic а
		assert.NotEqual(t, directory.EmailKey("ann@github.example"), directory.EmailKey("ann@gıthub.example"))
		assert.NotEqual(t, directory.EmailKey("ann@x.example"), directory.EmailKey("ann@y.example"))
	})
	t.Run("only the domain is put in ASCII", func(t *testing.T) {
		assert.Equal(t, "jörg@xn--bcher-kva.example", directory.EmailKey("JÖRG@bücher.example"))
		assert.Equal(t, "bücher.example", directory.NameKey("Bücher.example"))
	})
	t.Run("somebody's keys are the address and the username, once when they are one", func(t *testing.T) {
		assert.Equal(t, []string{"ann@x.example"}, (&directory.User{Email: "Ann@x.example", Username: "ANN@X.example"}).Keys())
		assert.Equal(t, []string{"ann@x.example", "ann"}, (&directory.User{Email: "Ann@x.example", Username: "Ann"}).Keys())
	})
	t.Run("case and surrounding space never make another name", rapid.MakeCheck(func(t *rapid.T) {
		s := rapid.StringMatching(`[a-zäöüñçéλд0-9._-]{1,20}`).Draw(t, "name")
		for _, other := range []string{strings.ToUpper(s), " " + s + "\n", strings.Title(s)} { //nolint:staticcheck // words do not matter
			if directory.Key(other) != directory.Key(s) {
				t.Fatalf("%q and %q", s, other)
			}
		}
		if directory.EmailKey(strings.ToUpper(s)+"@X.Example") != directory.EmailKey(s+"@x.example") {
			t.Fatalf("%q", s)
		}
	}))
}

func TestCleanText(t *testing.T) {
	for _, good := range []string{"", "Ann Lee", "Jörg", "क्\u200dष", "👩\u200d🚀", strings.Repeat("ü", 200)} {
		got, refused := directory.CleanText("  "+good+" ", "name")
		require.Nil(t, refused, "%q", good)
		assert.Equal(t, good, got)
	}
	for _, bad := range []string{"a\nb", "a\rb", "a\x00b", "a\u202eb", "a\u2028b", "a\u200bb", "\xff", strings.Repeat("ü", 201)} {
		_, refused := directory.CleanText(bad, "name")
		require.NotNil(t, refused, "%q", bad)
		assert.Equal(t, directory.CodeInvalid, refused.Code)
		assert.Equal(t, []string{"name"}, refused.Field)
	}
}

func TestCleanUsername(t *testing.T) {
	for _, good := range []string{"ann", "ann@x.example", "Jörg", strings.Repeat("ü", 254)} {
		got, refused := directory.CleanUsername(" "+good+" ", "username")
		require.Nil(t, refused, "%q", good)
		assert.Equal(t, good, got)
	}
	for bad, code := range map[string]directory.Code{
		"": directory.CodeRequired, "  \t": directory.CodeRequired, "a b": directory.CodeInvalid, "a\nb": directory.CodeInvalid,
		"a\u200bb": directory.CodeInvalid, "a\u200db": directory.CodeInvalid, "\xff": directory.CodeInvalid, strings.Repeat("ü", 255): directory.CodeInvalid,
	} {
		_, refused := directory.CleanUsername(bad, "username")
		require.NotNil(t, refused, "%q", bad)
		assert.Equal(t, code, refused.Code, "%q", bad)
	}
}

func TestNewID(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	t.Run("ids sort by the time they were made", func(t *testing.T) {
		var ids []string
		for i := range 200 {
			ids = append(ids, directory.NewID("user_", begin.Add(time.Duration(i)*time.Microsecond*7), rand.Reader))
		}
		for i := range 50 {
			ids = append(ids, directory.NewID("user_", begin.AddDate(i+1, 0, 0), rand.Reader))
		}
		assert.True(t, slices.IsSorted(ids))
	})
	t.Run("ids of one moment are different", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			seen[directory.NewID("user_", begin, rand.Reader)] = true
		}
		assert.Len(t, seen, 1000)
	})
	t.Run("an id is a UUID of version 7", func(t *testing.T) {
		raw, ok := directory.IDBytes("user_", directory.NewID("user_", begin, rand.Reader))
		require.True(t, ok)
		assert.EqualValues(t, 0x70, raw[6]&0xf0)
		assert.EqualValues(t, 0x80, raw[8]&0xc0)
		milli := int64(0)
		for _, b := range raw[:6] {
			milli = milli<<8 | int64(b)
		}
		assert.Equal(t, begin.UnixMilli(), milli)
	})
	t.Run("an id has one spelling", func(t *testing.T) {
		id := directory.NewID("user_", begin, rand.Reader)
		const alphabet = "0123456789abcdefghijklmnopqrstuv"
		last := strings.IndexByte(alphabet, id[len(id)-1])
		for i := range alphabet {
			_, ok := directory.IDBytes("user_", id[:len(id)-1]+alphabet[i:i+1])
			assert.Equal(t, i%4 == 0, ok, "the two bits beyond the end are zero")
		}
		assert.Zero(t, last%4)
		for _, other := range []string{"", "user_", strings.ToUpper(id), id + "0", id[:len(id)-1], "role_" + id[5:], id[5:], "user_" + id, id[:10] + "w" + id[11:], id + "\n", id[:10] + "\n" + id[10:], " " + id} {
			_, ok := directory.IDBytes("user_", other)
			assert.False(t, ok, "%q", other)
		}
	})
	t.Run("an organization's id and its bytes are one", func(t *testing.T) {
		id := directory.NewID("org_", begin, rand.Reader)
		raw, ok := directory.OrganizationIDBytes(id)
		require.True(t, ok)
		assert.Equal(t, id, directory.OrganizationID(raw))
	})
}

func TestSearchWords(t *testing.T) {
	finds := func(u *directory.User, search string) bool {
		for _, query := range directory.QueryWords(search) {
			if !slices.ContainsFunc(directory.SearchWords(u), func(word string) bool { return strings.HasPrefix(word, query) }) {
				return false
			}
		}
		return true
	}
	ann := &directory.User{Name: "Zoë Müller-Smith O'Neil", Username: "zoe_m", Email: "Zoe.Mueller@Mail.Example", Title: "VP (Łódź) 100%"}
	t.Run("somebody is found by the beginning of each word", func(t *testing.T) {
		for _, search := range []string{"", "zo", "mül", "MULLER", "muller-s", "neil", "o'n", "zoe_", "m", "zoe.mueller@mail.example", "zoe.m", "mail.ex", "example", "vp", "(ł", "100%", "100"} {
			assert.True(t, finds(ann, search), "%q", search)
		}
	})
	t.Run("accents and case do not matter", func(t *testing.T) {
		assert.Equal(t, directory.QueryWords("zoe muller"), directory.QueryWords(" ZOË  Mu\u0308ller "))
		assert.Equal(t, []string{"strasse"}, directory.QueryWords("Straße"))
	})
	t.Run("all words must be found, in any order", func(t *testing.T) {
		assert.True(t, finds(ann, "neil zoe vp"))
		assert.False(t, finds(ann, "zoe jones"))
	})
	t.Run("punctuation is literal", func(t *testing.T) {
		for _, search := range []string{"%", "_", "z%", "z_", "*", "zo*", "?", "[a-z]", ".", `"zoe`, `\`, "zoexm", "' OR 1=1", "müller.o"} {
			assert.False(t, finds(ann, search), "%q", search)
		}
	})
	t.Run("the middle of a word does not find", func(t *testing.T) {
		assert.False(t, finds(ann, "uller"))
		assert.False(t, finds(ann, "ueller"))
	})
	t.Run("a word is searched for once", func(t *testing.T) {
		assert.Equal(t, []string{"a", "b"}, directory.QueryWords("b a B á b"))
		assert.Empty(t, directory.QueryWords(" \t"))
	})
}

func TestLimitWait(t *testing.T) {
	first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	minute := time.Minute
	plain := directory.Limit{Uses: 3, Window: time.Hour}
	growing := directory.Limit{Uses: 5, Window: 15 * minute, Delay: 30 * time.Second}
	for name, test := range map[string]struct {
		limit   directory.Limit
		uses, n int
		// after the first
		last, now time.Duration
		want      time.Duration
	}{
		"the first is allowed":                              {plain, 0, 1, 0, 0, 0},
		"the last of the limit is allowed":                  {plain, 2, 1, minute, minute, 0},
		"one more waits until the window ends":              {plain, 3, 1, 10 * minute, 20 * minute, 40 * minute},
		"one more is allowed when the window has ended":     {plain, 3, 1, 10 * minute, time.Hour, 0},
		"never a negative wait":                             {plain, 3, 1, 10 * minute, 2 * time.Hour, 0},
		"several at once are allowed up to the limit":       {plain, 1, 2, 0, 0, 0},
		"several at once wait when one of them is too many": {plain, 2, 2, minute, minute, 59 * minute},
		"more at once than the limit wait a whole window":   {plain, 0, 4, 0, 30 * minute, time.Hour},
		"no more uses are no matter":                        {plain, 3, 0, 0, 0, 0},
		"five failures do not delay":                        {growing, 4, 1, minute, minute, 0},
		"the sixth waits the delay since the latest":        {growing, 5, 1, minute, minute, 30 * time.Second},
		"the sixth is allowed when the delay has passed":    {growing, 5, 1, minute, minute + 30*time.Second, 0},
		"and a millisecond before it is not":                {growing, 5, 1, minute, minute + 30*time.Second - time.Millisecond, time.Millisecond},
		"the delay doubles":                                 {growing, 6, 1, 2 * minute, 2 * minute, minute},
		"and doubles again":                                 {growing, 7, 1, 3 * minute, 3*minute + 30*time.Second, 90 * time.Second},
		"and again":                                         {growing, 8, 1, 5 * minute, 5 * minute, 4 * minute},
		"the delay is never longer than the window":         {growing, 11, 1, 0, 0, 15 * minute},
		"however many there were":                           {growing, 1_000_000_000, 1, 0, minute, 14 * minute},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, test.limit.Wait(test.uses, test.n, first, first.Add(test.last), first.Add(test.now)))
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Run("going over a limit says when it goes on", func(t *testing.T) {
		for wait, want := range map[time.Duration]string{
			time.Millisecond: "1 second.", 45 * time.Second: "45 seconds.", 119 * time.Second: "119 seconds.",
			2 * time.Minute: "2 minutes.", 121 * time.Second: "3 minutes.",
		} {
			refused := directory.TooMany("Too many.", wait)
			assert.Equal(t, "Too many. Try again in "+want, refused.Message)
			assert.GreaterOrEqual(t, refused.RetryAfter, time.Second)
			assert.False(t, refused.Correctable())
		}
	})
	t.Run("a refusal is found by its code, alone and among others", func(t *testing.T) {
		one, two := directory.Refuse(directory.CodeTaken, "x", "username"), directory.Refuse(directory.CodeRequired, "y")
		assert.True(t, directory.HasCode(one, directory.CodeTaken))
		assert.True(t, directory.HasCode(directory.Errors{one, two}, directory.CodeRequired))
		assert.False(t, directory.HasCode(directory.Errors{one, two}, directory.CodeConflict))
		assert.False(t, directory.HasCode(nil, directory.CodeTaken))
		assert.NoError(t, directory.Errors{}.OrNil())
		assert.Len(t, directory.Collect(directory.Errors{one, two}), 2)
		assert.Len(t, directory.Collect(one), 1)
		assert.Empty(t, directory.Collect(directory.ErrStale))
	})
}
