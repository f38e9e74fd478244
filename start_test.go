package main

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// once runs the program to its end, and answers what it said.
func once(t *testing.T, env []string, args ...string) (code int, said string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestAMistakeStopsTheStart(t *testing.T) {
	for _, c := range []struct{ name, env, says string }{
		{"half of the services", "MONGODB_URI=mongodb://127.0.0.1:1/roster", "REDIS_URL"},
		{"a seat limit that is no number", "SEAT_LIMIT=many", "SEAT_LIMIT"},
		{"any origin with credentials", "ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said := once(t, []string{"DATA_DIR=" + t.TempDir(), c.env})
			assert.NotZero(t, code)
			assert.Contains(t, said, c.says)
			assert.Len(t, strings.Split(strings.TrimSpace(said), "\n"), 1, "one sentence")
		})
	}
	t.Run("a port that another program has", func(t *testing.T) {
		p := install(t, ways[0])
		code, said := once(t, []string{"DATA_DIR=" + t.TempDir(), "ADDR=" + strings.TrimPrefix(p.url, "http://")})
		assert.NotZero(t, code)
		assert.Contains(t, said, "ADDR")
	})
	t.Run("help is no mistake", func(t *testing.T) {
		code, said := once(t, nil, "--help")
		assert.Zero(t, code)
		assert.Contains(t, said, "INVITATION_TTL")
	})
}

var loggedLink = regexp.MustCompile(`link="?\S+/accept-invitation#token=([A-Za-z0-9_-]+)`)

func TestFirstStart(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := installBare(t, w, []string{"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail})

		t.Run("logs one link, with which the first administrator gets in", func(t *testing.T) {
			links := loggedLink.FindAllStringSubmatch(p.log(), -1)
			require.Len(t, links, 1)
			accepted := p.anybody().do(acceptQuery, object{"in": object{"token": links[0][1], "password": adminPassword}})
			assert.Empty(t, refusals(accepted))
			assert.Equal(t, "Administrator", text(accepted, "user", "role", "name"))
			p.admin()
		})
		t.Run("and no second time", func(t *testing.T) {
			require.Equal(t, 0, p.stop())
			before := len(p.log())
			p.start()
			assert.Empty(t, loggedLink.FindAllString(p.log()[before:], -1))
			p.admin()
		})
		t.Run("healthz answers, and what is not there is 404", func(t *testing.T) {
			assert.Equal(t, http.StatusOK, p.get("/healthz"))
			assert.Equal(t, http.StatusNotFound, p.get("/nowhere"))
		})
	})
}

func TestAnOrganizationOfItsOwn(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		code, said := once(t, p.env, "organization", "add", "Acme", "--admin", "ops@acme.example")
		require.Zero(t, code, said)
		link := loggedLink.FindStringSubmatch(said)
		require.NotNil(t, link, said)
		code, again := once(t, p.env, "organization", "add", "ACME", "--admin", "ops@acme.example")
		assert.NotZero(t, code)
		assert.Contains(t, again, "acme")

		preview := p.anybody().do(`query($t: String!) { invitation(token: $t) { organizationName organization } }`, object{"t": link[1]})
		assert.Equal(t, object{"organizationName": "Acme", "organization": "acme"}, preview, "how it is named to sign in")
		accepted := p.anybody().do(acceptQuery, object{"in": object{"token": link[1], "password": "the password of another one"}})
		require.Empty(t, refusals(accepted))
		signIn := object{"username": "ops@acme.example", "password": "the password of another one", "issueToken": true}
		assert.Equal(t, []string{"INVALID_CREDENTIALS"}, refusals(p.anybody().do(loginQuery, object{"in": signIn})), "not in the first organization")
		signIn["organization"] = "acme"
		ops := p.anybody()
		ops.token = text(ops.do(loginQuery, object{"in": signIn}), "token")
		require.NotEmpty(t, ops.token)

		t.Run("sees nobody of another, not even by id", func(t *testing.T) {
			admin := p.admin()
			id := text(admin.viewer(), "user", "id")
			assert.EqualValues(t, 1, ops.do(`{ users { totalCount } }`, nil)["totalCount"])
			assert.Nil(t, ops.do(userQuery, object{"id": id}))
			assert.Equal(t, []string{"NOT_FOUND"}, refusals(ops.do(deleteQuery, object{"id": id})))
			assert.Equal(t, "INVITED", text(ops.invite("Viewer", adminEmail), "results", 0, "outcome"), "addresses are unique in an organization")
		})
	})
}

func TestDemo(t *testing.T) {
	p := installBare(t, ways[0], nil, "--demo")
	said := regexp.MustCompile(`username=(\S+) password=(\S+)`).FindAllStringSubmatch(p.log(), -1)
	require.Len(t, said, 4)
	for _, credentials := range said {
		c := p.anybody()
		c.signIn(credentials[1], credentials[2])
		require.NotEmpty(t, c.token, credentials[1])
	}
	c := p.anybody()
	c.signIn(said[0][1], said[0][2])
	org := c.do(`{ organization { name seats { used available } userCounts { active pending inactive total } } }`, nil)
	assert.EqualValues(t, 60, dig(org, "userCounts", "total"))
	assert.EqualValues(t, 8, dig(org, "userCounts", "pending"))
	assert.EqualValues(t, 7, dig(org, "userCounts", "inactive"))
	t.Run("fills only an empty store", func(t *testing.T) {
		require.Equal(t, 0, p.stop())
		code, again := once(t, p.env, "--demo")
		assert.NotZero(t, code)
		assert.Contains(t, again, "empty")
	})
}

// TestSeedAndList walks lists of made-up people, in every order, page by page.
func TestSeedAndList(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		const n = 2000
		p := installBare(t, w, []string{"BOOTSTRAP_ADMIN_EMAIL=" + adminEmail, "BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword}, "--seed", "2000")
		admin := p.admin()
		counts, _ := admin.do(`{ organization { userCounts { active pending inactive total } } }`, nil)["userCounts"].(object)
		assert.EqualValues(t, n+1, counts["total"])
		pending, _ := counts["pending"].(float64)
		assert.InDelta(t, n*5/100, pending, n/50)

		list := `query($o: UserOrder, $s: UserStatus, $q: String, $f: Int, $a: String, $l: Int, $b: String) {
			users(orderBy: $o, status: $s, search: $q, first: $f, after: $a, last: $l, before: $b) {
				totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
		ids := func(page object) []string {
			var all []string
			nodes, _ := page["nodes"].([]any)
			for _, node := range nodes {
				all = append(all, text(node, "id"))
			}
			return all
		}
		for _, field := range []string{"NAME", "EMAIL", "USERNAME", "ROLE", "LAST_LOGIN_AT", "CREATED_AT"} {
			for _, direction := range []string{"ASC", "DESC"} {
				t.Run("every page by "+field+" "+direction+", forward and back", func(t *testing.T) {
					order := object{"field": field, "direction": direction}
					var forward, back []string
					seen := map[string]bool{}
					vars := object{"o": order, "s": "PENDING", "f": 17}
					for {
						page := admin.do(list, vars)
						forward = append(forward, ids(page)...)
						if next, _ := dig(page, "pageInfo", "hasNextPage").(bool); !next {
							break
						}
						vars["a"] = dig(page, "pageInfo", "endCursor")
					}
					for _, id := range forward {
						assert.False(t, seen[id], "twice: %s", id)
						seen[id] = true
					}
					assert.Len(t, forward, int(pending))
					vars = object{"o": order, "s": "PENDING", "l": 23}
					for {
						page := admin.do(list, vars)
						back = append(ids(page), back...)
						if previous, _ := dig(page, "pageInfo", "hasPreviousPage").(bool); !previous {
							break
						}
						vars["b"] = dig(page, "pageInfo", "startCursor")
					}
					assert.Equal(t, forward, back)
				})
			}
		}
		t.Run("a cursor of another order, or a made-up one, is an error", func(t *testing.T) {
			cursor := dig(admin.do(list, object{"f": 1}), "pageInfo", "endCursor")
			for _, vars := range []object{
				{"f": 1, "a": cursor, "o": object{"field": "EMAIL"}},
				{"f": 1, "a": "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
				{"f": 1, "a": ""},
				{"f": 101}, {"f": -1}, {"f": 1, "l": 1},
			} {
				r, err := admin.ask(list, vars)
				require.NoError(t, err)
				assert.Equal(t, "BAD_USER_INPUT", r.code(), "%v", vars)
			}
		})
		t.Run("what looks like a pattern is a word", func(t *testing.T) {
			for _, word := range []string{"%", "_", ".*", "(a+)+$", `\`, `"`, "*", "{$ne: null}", "a%"} {
				assert.EqualValues(t, 0, admin.do(list, object{"q": word})["totalCount"], word)
			}
			assert.EqualValues(t, n+1, admin.do(list, object{"q": " "})["totalCount"])
			found, _ := admin.do(list, object{"q": "MULLER"})["totalCount"].(float64)
			assert.Positive(t, found, "accents make no difference")
		})
	})
}
