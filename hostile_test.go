package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // reads the store beside the program
)

// request is one HTTP request, as it is.
type request struct {
	method, target, body string
	// header is names and values; an empty value takes a header away.
	header []string
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

// patient waits for longer than an operation may take, and not forever.
var patient = &http.Client{Timeout: 15 * time.Second}

func (p *program) raw(r request) answer {
	p.t.Helper()
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.target == "" {
		r.target = "/graphql"
	}
	sent, err := http.NewRequest(r.method, p.url+r.target, strings.NewReader(r.body))
	require.NoError(p.t, err)
	sent.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(r.header); i += 2 {
		sent.Header.Set(r.header[i], r.header[i+1])
		if r.header[i+1] == "" {
			sent.Header.Del(r.header[i])
		}
	}
	got, err := patient.Do(sent)
	require.NoError(p.t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(p.t, err)
	return answer{got.StatusCode, string(body), got.Header}
}

// code is the code of the first error.
func (a answer) code() string {
	var r reply
	_ = json.Unmarshal([]byte(a.body), &r) // what is no JSON has no code
	return r.code()
}

// cpu is what the program has used of a core, to 10 ms.
func (p *program) cpu() time.Duration {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(p.t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(p.t, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// world is everything that an embedded program keeps, by table, and its mails;
// but when a session was last used.
func (p *program) world() map[string][]string {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, "roster.db")+"?mode=ro")
	require.NoError(p.t, err)
	defer db.Close()
	all := map[string][]string{}
	read := func(into, query string) {
		rows, err := db.Query(query)
		require.NoError(p.t, err)
		defer rows.Close()
		for rows.Next() {
			var row string
			require.NoError(p.t, rows.Scan(&row))
			all[into] = append(all[into], row)
		}
		require.NoError(p.t, rows.Err())
	}
	read("columns", `SELECT t.name || ' ' || group_concat('quote(' || c.name || ')', '||'' ''||') FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND c.name <> 'last_used_at' GROUP BY t.name`)
	for _, table := range all["columns"] {
		name, columns, _ := strings.Cut(table, " ")
		read(name, "SELECT "+columns+" FROM "+name+" ORDER BY 1")
	}
	all["mails"], err = filepath.Glob(filepath.Join(p.dir, "mail", "*"))
	require.NoError(p.t, err)
	return all
}

// settled is the world when all that has happened is told.
func (p *program) settled() map[string][]string {
	p.t.Helper()
	var last map[string][]string
	require.Eventually(p.t, func() bool {
		before := last
		last = p.world()
		return cmp.Equal(before, last)
	}, 20*time.Second, 100*time.Millisecond)
	return last
}

// What a hostile request may cost.
const (
	repetitions = 20
	mostCPU     = 50 * time.Millisecond
	mostBytes   = 16 << 10
)

// attack is a hostile request, and what answers it.
type attack struct {
	name string
	request
	status int
	// code is that of the first error; empty where nobody speaks GraphQL.
	code string
	// says is part of the answer.
	says string
	// twin is a legitimate operation that is like it.
	twin string
}

// attacked sends each attack many times: always the same answer, a short one,
// at little cost, nothing kept of it, then or later; and the twin passes.
func (p *program) attacked(t *testing.T, signedIn []string, attacks []attack) {
	t.Helper()
	began := p.settled()
	defer func() { assert.Empty(t, cmp.Diff(began, p.settled()), "something has happened later") }()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			before, cpu := p.world(), p.cpu()
			for range repetitions {
				got := p.raw(a.request)
				require.Equal(t, a.status, got.status, "%.300s", got.body)
				require.Equal(t, a.code, got.code(), "%.300s", got.body)
				require.Contains(t, got.body, a.says)
				require.NotContains(t, got.body, "Did you mean")
				require.NotContains(t, got.body, "hunter2", "nothing is sent back")
				require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
				require.LessOrEqual(t, len(got.body), mostBytes)
			}
			assert.Less(t, p.cpu()-cpu, repetitions*mostCPU)
			assert.Empty(t, cmp.Diff(before, p.world()), "something has happened")
			got := p.raw(request{body: operation(a.twin, nil), header: signedIn})
			assert.Equal(t, http.StatusOK, got.status)
			assert.Empty(t, got.code(), "the twin: %.300s", got.body)
		})
	}
}

// operation is the body of a request.
func operation(query string, variables object) string {
	if query == "" {
		query = "{ viewer { user { id } } }"
	}
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// TestHostileRequests: each is refused without an effect, beside its legitimate twin.
func TestHostileRequests(t *testing.T) {
	p := install(t, ways[0], "ALLOWED_ORIGINS=https://console.example.com", "TRUSTED_PROXIES=10.0.0.0/8")
	admin := p.admin()
	role := admin.roles()["Viewer"]
	ann, _ := p.enter(admin, "Viewer", "ann@example.com", "only looks at what there is")
	bearer := []string{"Authorization", "Bearer " + admin.token}
	cookie := []string{"Cookie", "roster_session=" + admin.token}
	with := func(header ...string) []string { return append(header, cookie...) }

	invite := func(email string) string {
		return operation(inviteQuery, object{"in": object{"emails": []string{email}, "roleId": role}})
	}
	evil := invite("eve@evil.test")

	t.Run("requests that another site can have a browser send", func(t *testing.T) {
		post := func(body string, header ...string) request { return request{body: body, header: with(header...)} }
		get := func(query string) request {
			return request{method: http.MethodGet, target: "/graphql?" + url.Values{"query": {query}}.Encode(), header: with("Content-Type", "")}
		}
		form := url.Values{"query": {`mutation { resetPassword(id: "x") { user { id } } }`}}.Encode()
		multipart := "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n" + evil + "\r\n--x--\r\n"
		p.attacked(t, cookie, []attack{
			{name: "text", request: post(evil, "Content-Type", "text/plain"), status: 415, code: "BAD_USER_INPUT"},
			{name: "a form", request: post(form, "Content-Type", "application/x-www-form-urlencoded"), status: 415, code: "BAD_USER_INPUT"},
			{name: "a form of files", request: post(multipart, "Content-Type", "multipart/form-data; boundary=x"), status: 415, code: "BAD_USER_INPUT"},
			{name: "a bare query", request: post(`mutation { resetPassword(id: "x") { user { id } } }`, "Content-Type", "application/graphql"), status: 415, code: "BAD_USER_INPUT"},
			{name: "no content type", request: post(evil, "Content-Type", ""), status: 415, code: "BAD_USER_INPUT"},
			{name: "another charset", request: post(evil, "Content-Type", "application/json; charset=utf-16"), status: 415, code: "BAD_USER_INPUT"},
			{name: "a mutation in a URL", request: get(`mutation { resetPassword(id: "x") { user { id } } }`), status: 405, code: "BAD_USER_INPUT"},
			{name: "a mutation in a URL, behind a query", request: request{
				method: http.MethodGet, target: "/graphql?" + url.Values{"query": {`query A { viewer { user { id } } } mutation B { logout { userErrors { code } } }`}, "operationName": {"B"}}.Encode(), header: with("Content-Type", "")}, status: 405, code: "BAD_USER_INPUT"},
			{name: "a link's token in a URL", request: get(`{ invitation(token: "x") { email } }`), status: 405, code: "BAD_USER_INPUT"},
			{name: "a query in a URL, twice", request: request{method: http.MethodGet, target: "/graphql?query={__typename}&query={__typename}", header: cookie}, status: 400, code: "BAD_USER_INPUT"},
			{name: "a session with a query in a URL", request: get(`{ users { totalCount } }`), status: 200, code: "UNAUTHENTICATED"},
			{name: "a URL without a query", request: request{method: http.MethodGet, header: cookie}, status: 405, code: "BAD_USER_INPUT"},
			{name: "PUT", request: request{method: http.MethodPut, body: evil, header: cookie}, status: 405, code: "BAD_USER_INPUT"},
			{name: "DELETE", request: request{method: http.MethodDelete, body: evil, header: cookie}, status: 405, code: "BAD_USER_INPUT"},
			{name: "another site, as browsers say", request: post(evil, "Sec-Fetch-Site", "cross-site"), status: 403},
			{name: "a neighbour, as browsers say", request: post(evil, "Sec-Fetch-Site", "same-site"), status: 403},
			{name: "another origin", request: post(evil, "Origin", "https://evil.test"), status: 403},
			{name: "an origin that begins like an allowed one", request: post(evil, "Origin", "https://console.example.com.evil.test"), status: 403},
			{name: "an origin that ends like an allowed one", request: post(evil, "Origin", "https://evilconsole.example.com"), status: 403},
			{name: "an allowed origin without TLS", request: post(evil, "Origin", "http://console.example.com"), status: 403},
			{name: "an allowed origin at another port", request: post(evil, "Origin", "https://console.example.com:8443"), status: 403},
			{name: "our own origin at another port", request: post(evil, "Origin", "http://127.0.0.1:1"), status: 403},
			{name: "the origin null", request: post(evil, "Origin", "null"), status: 403},
		})
		for name, header := range map[string][]string{
			"a script":           with("Content-Type", "application/json; charset=UTF-8"),
			"the console":        with("Origin", p.url, "Sec-Fetch-Site", "same-origin"),
			"the allowed origin": with("Origin", "https://console.example.com", "Sec-Fetch-Site", "cross-site"),
		} {
			got := p.raw(request{body: invite(strings.ReplaceAll(name, " ", "") + "@example.com"), header: header})
			assert.Contains(t, got.body, `"outcome":"INVITED"`, "the twin: %s", name)
		}
		got := p.raw(request{method: http.MethodGet, target: "/graphql?query={viewer{user{id}}}", header: cookie})
		assert.JSONEq(t, `{"data":{"viewer":null}}`, got.body, "whoever asks by GET is nobody")
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			assert.Equal(t, http.MethodPost, p.raw(request{method: method}).header.Get("Allow"))
		}
	})

	t.Run("bodies", func(t *testing.T) {
		body := func(name, body string) attack {
			return attack{name: name, request: request{body: body, header: bearer}, status: 400, code: "BAD_USER_INPUT"}
		}
		large := body("more than 100 KiB", `{"query":"`+strings.Repeat(" ", 101<<10)+`"}`)
		large.status = 413
		p.attacked(t, bearer, []attack{
			body("an array of operations", "["+evil+","+evil+"]"),
			body("a member twice", `{"query":"{ viewer { user { id } } }",`+evil[1:]),
			body("a member twice, in variables", `{"query":"query($s: String) { users(search: $s) { totalCount } }","variables":{"s":"a","s":"b"}}`),
			body("a member in another case", strings.Replace(evil, `"query"`, `"QUERY"`, 1)),
			body("a member in both cases", `{"Query":"{ viewer { user { id } } }",`+evil[1:]),
			body("something behind the object", evil+" x"),
			body("another object behind it", evil+evil),
			body("not UTF-8", "{\"query\":\"{ viewer { user { id } } }\xff\"}"),
			body("half of a surrogate pair", `{"query":"{ users(search: \"\ud800\") { totalCount } }"}`),
			body("a byte order mark", "\ufeff"+evil),
			body("UTF-16", "\xff\xfe{\x00}\x00"),
			body("no JSON, with a password", `{"password": hunter2-hunter2`),
			body("no query", `{}`),
			body("no object", `null`),
			body("a query that is a list", `{"query":["{ viewer { user { id } } }"]}`),
			body("variables that are text", `{"query":"{ viewer { user { id } } }","variables":"{}"}`),
			body("nothing", ""),
			body("40,000 levels", `{"query":"{ viewer { user { id } } }","variables":{"a":`+strings.Repeat("[", 40_000)+strings.Repeat("]", 40_000)+`}}`),
			large,
			{name: "a header of 80 KiB", request: request{body: evil, header: append([]string{"X-Long", strings.Repeat("x", 80<<10)}, bearer...)}, status: 431},
		})
	})

	login := func(alias string) string { return alias + `login(input: {username: "a", password: "b"}) { token }` }
	t.Run("operations", func(t *testing.T) {
		refused := func(name, query, says, twin string) attack {
			return attack{name: name, request: request{body: operation(query, nil), header: bearer}, status: 200, code: "BAD_USER_INPUT", says: says, twin: twin}
		}
		p.attacked(t, bearer, []attack{
			refused("two sign-ins", `mutation { `+login("a: ")+login(" b: ")+` }`, "more than 1 field", ""),
			refused("a sign-in beside another secret", `mutation { `+login("")+` acceptInvitation(input: {token: "x", password: "y"}) { userErrors { code } } }`, "more than 1 field", ""),
			refused("two sign-ins in a fragment", `mutation { ...f } fragment f on Mutation { `+login("a: ")+login(" b: ")+` }`, "more than 1 field", ""),
			refused("one in a fragment, one beside it", `mutation { ...f `+login("b: ")+` } fragment f on Mutation { `+login("a: ")+` }`, "more than 1 field", ""),
			refused("two in fragments in place", `mutation { ... { `+login("a: ")+` } ... on Mutation { `+login("b: ")+` } }`, "more than 1 field", ""),
			refused("two, of which one is said to be skipped", `mutation { a: `+strings.Replace(login(""), ") {", ") @skip(if: true) {", 1)+` b: `+login("")+` }`, "more than 1 field", `mutation { logout @skip(if: true) { userErrors { code } } }`),
			refused("two mails", `mutation { a: resetPassword(id: "x") { user { id } } b: resendInvitation(id: "x") { user { id } } }`, "more than 1 field", ""),
			refused("two invitations looked at", `{ a: invitation(token: "x") { email } b: invitation(token: "y") { email } }`, "more than 1 field", `{ a: invitation(token: "x") { email } }`),
			refused("16 aliases", "{"+aliases(16, "viewer { user { id } }")+"}", "more than 15 aliases", "{"+aliases(15, "viewer { user { id } }")+"}"),
			refused("16 aliases of the type's name", "{"+aliases(16, "__typename")+"}", "more than 15 aliases", "{"+aliases(15, "__typename")+"}"),
			refused("16 aliases of a mutation", "mutation {"+aliases(16, `updateProfile(input: {name: "x"}) { userErrors { code } }`)+"}", "more than 15 aliases", ""),
			refused("8 aliases in a fragment, spread twice at two places", `{ viewer { user { ...f } } v: viewer { user { ...f } } } fragment f on User {`+aliases(8, "id")+"}", "more than 15 aliases", `{ viewer { user { ...f } } } fragment f on User {`+aliases(8, "id")+"}"),
			refused("eleven levels", `{ viewer { user { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { id } } } } } } } } } } }`, "10 levels",
				`{ viewer { user { invitation { invitedBy { invitation { invitedBy { invitation { invitedBy { id } } } } } } } } }`),
			refused("eleven levels in fragments", chain(11, "User", "invitation { invitedBy { ...f%d } }", "id", `{ viewer { user { ...f0 } } }`), "10 levels", chain(3, "User", "invitation { invitedBy { ...f%d } }", "id", `{ viewer { user { ...f0 } } }`)),
			refused("a fragment in itself", `{ ...a } fragment a on Query { ...b } fragment b on Query { viewer { user { id } } ...a }`, "within itself", `{ ...a } fragment a on Query { ...b } fragment b on Query { viewer { user { id } } }`),
			refused("fragments that double 40 times", chain(40, "Query", "...f%[1]d ...f%[1]d", "viewer { user { id } }", "{ ...f0 }"), "objects", chain(3, "Query", "...f%[1]d ...f%[1]d", "viewer { user { id } }", "{ ...f0 }")),
			refused("fragments that double, with aliases", chain(40, "Query", "...f%[1]d a%[1]d: __typename ...f%[1]d", "__typename", "{ ...f0 }"), "aliases", ""),
			refused("21 directives", "{ viewer { user { id "+strings.Repeat("@include(if: true) ", 21)+"} } }", "directives", "{ viewer { user { id @include(if: true) email @skip(if: false) } } }"),
			refused("a directive 3 times on each of 10 fields", "{"+strings.Repeat(" __typename @skip(if: false) @skip(if: false) @skip(if: false)", 10)+"}", "directives", "{ __typename @skip(if: false) }"),
			refused("150 directives that are not there", "{ viewer { user { id "+strings.Repeat("@a ", 150)+"} } }", "directives", ""),
			refused("a field 501 times", "{"+strings.Repeat(" __typename", 501)+"}", "more than 500 fields", "{ __typename __typename }"),
			refused("a field 1,000 times", "{"+strings.Repeat(" roles { id }", 1000)+"}", "token", "{ roles { id } roles { id } }"),
			refused("a page too large", `{ users(first: 101) { nodes { id } } }`, "100", `{ users(first: 100) { nodes { id } } }`),
			refused("pages of pages", "{"+aliases(15, "users(first: 100) { nodes { id role { id } } }")+"}", "1000 objects", "{"+aliases(3, "users(first: 100) { nodes { id role { id } } }")+"}"),
			refused("a page of the largest number", `{ users(first: 9223372036854775807) { nodes { id role { id } } } }`, "", ""),
			refused("a number that is too large", `mutation { deleteUser(id: "x", expectedVersion: 3000000000) { userErrors { code } } }`, "", `mutation { deleteUser(id: "x", expectedVersion: 3) { userErrors { code } } }`),
			refused("a number of 90,000 digits", `{ users(first: `+strings.Repeat("9", 90_000)+`) { totalCount } }`, "", ""),
			refused("a name of 90,000 letters", "{ "+strings.Repeat("x", 90_000)+" }", "", ""),
			refused("500 lists in one another", "{ users(roleIds: "+strings.Repeat("[", 490)+strings.Repeat("]", 490)+") { totalCount } }", "", "{ users(roleIds: []) { totalCount } }"),
			refused("500 selections in one another", strings.Repeat("{ a ", 330)+strings.Repeat("}", 330), "levels", ""),
			refused("no closing", strings.Repeat("{ a ", 450), "", ""),
			refused("200 unknown arguments", "{ users("+numbered(200, "x%d: 1 ")+") { totalCount } }", "", ""),
			refused("200 unused variables", "query("+numbered(200, "$v%d: Int ")+") { viewer { user { id } } }", "", "query($v: Int) { users(first: $v) { totalCount } }"),
			refused("a subscription in a request", "subscription { userChanged { kind } }", "WebSocket", ""),
			refused("a misspelled field", `{ userz { id } }`, "", ""),
			refused("a misspelled argument", `{ users(frist: 1) { totalCount } }`, "", ""),
			refused("a misspelled value", `{ users(status: ACTIV) { totalCount } }`, "", `{ users(status: ACTIVE) { totalCount } }`),
			refused("a misspelled input field", `mutation { login(input: {usernam: "a"}) { token } }`, "", ""),
			refused("a misspelled type", `{ viewer { ... on Viewr { user { id } } } }`, "", ""),
			refused("a misspelled directive", `{ viewer @incude(if: true) { user { id } } }`, "", ""),
			refused("a misspelled variable type", `query($s: UserStatu) { users(status: $s) { totalCount } }`, "", ""),
			refused("the schema in circles", `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`, "depth", `{ __schema { types { name fields { name type { name ofType { name } } } } } }`),
			refused("the schema in circles of fragments", chain(40, "__Type", "ofType { ...f%[1]d } fields { type { ...f%[1]d } }", "name", "{ __schema { types { ...f0 } } }"), "depth", ""),
			refused("the schema 15 times", "{"+aliases(15, "__schema { types { name description } }")+"}", "without aliases", ""),
			refused("the schema's types 15 times", "{ __schema {"+aliases(15, "types { name description }")+"} }", "without aliases", `{ __type(name: "User") { name fields { name } } }`),
		})
	})

	t.Run("operations that are allowed cost no more", func(t *testing.T) {
		// Fragments with nothing in them but more fragments.
		body := operation(chain(60, "Query", "...f%[1]d ...f%[1]d ...f%[1]d", "__typename", "{ ...f0 }"), nil)
		p.attacked(t, bearer, []attack{
			{name: "fragments that triple 60 times and come to nothing", request: request{body: body, header: bearer}, status: 200, says: `{"data":{"__typename":"Query"}}`},
			{name: "a field 500 times", request: request{body: operation("{"+strings.Repeat(" __typename", 500)+"}", nil), header: bearer}, status: 200, says: `{"data":{"__typename":"Query"}}`},
			{name: "90,000 spaces", request: request{body: operation(strings.Repeat(" ", 90_000)+"{ __typename }", nil), header: bearer}, status: 200, says: "Query"},
			{name: "a comment of 90,000 letters", request: request{body: operation("#"+strings.Repeat("x", 90_000)+"\n{ __typename }", nil), header: bearer}, status: 200, says: "Query"},
			{name: "6,000 variables that nobody asked for", request: request{body: operation("{ __typename }", manyVariables(6000)), header: bearer}, status: 200, says: "Query"},
		})
	})

	t.Run("values", func(t *testing.T) {
		value := func(name, query string, variables object, code, says, twin string) attack {
			return attack{name: name, request: request{body: operation(query, variables), header: bearer}, status: 200, code: code, says: says, twin: twin}
		}
		search := `query($s: String) { users(search: $s) { totalCount } }`
		update := `mutation($id: ID!, $in: UpdateUserInput!) { updateUser(id: $id, input: $in) { user { id } userErrors { code } } }`
		bad, long := "BAD_USER_INPUT", strings.Repeat("a", 90_000)
		marks := strings.Repeat("\u0308", 40_000)
		p.attacked(t, bearer, []attack{
			value("an operator for a text", search, object{"s": object{"$ne": nil}}, bad, "", ""),
			value("a pattern object for a text", search, object{"s": object{"$regex": ".*"}}, bad, "", ""),
			value("a list for a text", search, object{"s": []any{"a"}}, bad, "", ""),
			value("an operator for an id", `query($id: ID!) { user(id: $id) { id } }`, object{"id": object{"$gt": ""}}, bad, "", ""),
			value("an operator in a list of ids", `query($ids: [ID!]) { users(roleIds: $ids) { totalCount } }`, object{"ids": []any{object{"$ne": nil}}}, bad, "", ""),
			value("an operator for a username", loginQuery, object{"in": object{"username": object{"$ne": nil}, "password": "x"}}, bad, "", ""),
			value("an operator for a password", loginQuery, object{"in": object{"username": adminEmail, "password": object{"$ne": nil}}}, bad, "", ""),
			value("an operator for an organization", loginQuery, object{"in": object{"organization": object{"$ne": nil}, "username": adminEmail, "password": "x"}}, bad, "", ""),
			value("an operator for a token", acceptQuery, object{"in": object{"token": object{"$ne": nil}, "password": "x"}}, bad, "", ""),
			value("an operator for an address", inviteQuery, object{"in": object{"emails": []any{object{"$ne": nil}}, "roleId": role}}, bad, "", ""),
			value("an operator for a role", inviteQuery, object{"in": object{"emails": []any{"eve@evil.test"}, "roleId": object{"$ne": nil}}}, bad, "", ""),
			value("an operator for a name", update, object{"id": "x", "in": object{"name": object{"$set": object{"status": "ACTIVE"}}}}, bad, "", ""),
			value("a field that cannot be updated", update, object{"id": "x", "in": object{"status": "ACTIVE"}}, bad, "", ""),
			value("an operator for a number", `query($n: Int) { users(first: $n) { totalCount } }`, object{"n": object{"$gt": 0}}, bad, "", ""),
			value("a number as large as can be written", `query($n: Int) { users(first: $n) { totalCount } }`, object{"n": json.Number("1e999999999")}, bad, "", ""),
			value("an enum as text of another", `query($s: UserStatus) { users(status: $s) { totalCount } }`, object{"s": "active"}, bad, "", ""),
			value("a token that is none", acceptQuery, object{"in": object{"token": "x", "password": "a walk along the river"}}, "", "LINK_INVALID", ""),
			value("a challenge that is none", `mutation($in: VerifyTwoFactorInput!) { verifyTwoFactor(input: $in) { userErrors { code } } }`, object{"in": object{"challenge": strings.Repeat("A", 64), "code": "000000"}}, "", "LINK_INVALID", ""),
			value("an id that is none", `query($id: ID!) { user(id: $id) { id } }`, object{"id": "' OR 1=1 --"}, "", `{"data":{"user":null}}`, ""),
			value("an id of 90,000 letters", `query($id: ID!) { user(id: $id) { id } }`, object{"id": long}, "", `{"data":{"user":null}}`, ""),
			value("a cursor that is made up", `query($a: String) { users(after: $a) { totalCount } }`, object{"a": strings.Repeat("A", 64)}, bad, "", ""),
			value("a cursor of 90,000 letters", `query($a: String) { users(after: $a) { totalCount } }`, object{"a": long}, bad, "", ""),
			value("a search of 90,000 letters", search, object{"s": long}, bad, "", ""),
			value("a search of 50 words", search, object{"s": numbered(50, "a%d ")}, bad, "", ""),
			value("a name of 90,000 letters", update, object{"id": text(ann.viewer(), "user", "id"), "in": object{"name": long}}, "", "INVALID", ""),
			value("a name of 40,000 marks", update, object{"id": text(ann.viewer(), "user", "id"), "in": object{"name": marks}}, "", "INVALID", ""),
			value("a username of 40,000 marks", update, object{"id": text(ann.viewer(), "user", "id"), "in": object{"username": marks}}, "", "INVALID", ""),
			value("9,000 addresses", inviteQuery, object{"in": object{"emails": []any{strings.Repeat("a@b.example,", 7500)}, "roleId": role}}, "", `"results":[]`, ""),
			value("15,000 brackets for an address", inviteQuery, object{"in": object{"emails": []any{strings.Repeat(">", 15_000)}, "roleId": role}}, "", "INVALID_ADDRESS", ""),
			value("a hundred names that break lines", inviteQuery, object{"in": object{"emails": []any{strings.Repeat("\"A\r\nBcc: eve@evil.test\" <a>,", 50)}, "roleId": role}}, "", "INVALID_ADDRESS", ""),
		})
	})

	t.Run("every answer has its headers", func(t *testing.T) {
		for name, r := range map[string]request{
			"an answer": {body: operation("", nil)}, "a refused operation": {body: operation("{", nil)}, "a bad body": {body: "{"},
			"a large body": {body: strings.Repeat(" ", 101<<10)}, "another type": {header: []string{"Content-Type", "text/plain"}},
			"another method": {method: http.MethodGet}, "a query by GET": {method: http.MethodGet, target: "/graphql?query={__typename}"},
			"another origin": {header: []string{"Origin", "https://evil.test"}}, "a preflight": {method: http.MethodOptions, header: []string{"Origin", "https://evil.test", "Access-Control-Request-Method", "POST"}},
			"health": {method: http.MethodGet, target: "/healthz"}, "readiness": {method: http.MethodGet, target: "/readyz"},
			"the console":       {method: http.MethodGet, target: "/"},
			"what is not there": {method: http.MethodGet, target: "/nowhere"},
		} {
			header := p.raw(r).header
			assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), name)
			assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"), name)
			assert.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'", name)
			for directive := range strings.SplitSeq(header.Get("Content-Security-Policy"), ";") {
				// The console's components set sizes and places by styles.
				if directive = strings.TrimSpace(directive); !strings.HasPrefix(directive, "style-src ") {
					assert.NotContains(t, directive, "unsafe", name)
				}
			}
			assert.NotEmpty(t, header.Get("X-Request-Id"), name)
			assert.Empty(t, header.Get("Strict-Transport-Security"), "not under http: %s", name)
			if strings.HasPrefix(header.Get("Content-Type"), "application/") {
				assert.Equal(t, "no-store", header.Get("Cache-Control"), name)
			}
		}
		secure := install(t, ways[0], "PUBLIC_URL=https://users.example.com")
		assert.NotEmpty(t, secure.raw(request{body: operation("", nil)}).header.Get("Strict-Transport-Security"))
	})

	t.Run("CORS lets exactly the allowed origin read", func(t *testing.T) {
		for origin, allowed := range map[string]bool{
			"https://console.example.com": true, "https://evil.test": false, "null": false, "http://console.example.com": false,
			"https://console.example.com.evil.test": false, "https://console.example.com:8443": false, "HTTPS://CONSOLE.EXAMPLE.COM@evil.test": false, "*": false,
		} {
			preflight := p.raw(request{method: http.MethodOptions, header: []string{
				"Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"}}).header
			read := p.raw(request{body: operation("", nil), header: []string{"Origin", origin}})
			if !allowed {
				for name := range preflight {
					assert.False(t, strings.HasPrefix(name, "Access-Control-"), "%s for %s", name, origin)
				}
				assert.Equal(t, http.StatusForbidden, read.status, origin)
				continue
			}
			for _, header := range []http.Header{preflight, read.header} {
				assert.Equal(t, origin, header.Get("Access-Control-Allow-Origin"))
				assert.Equal(t, "true", header.Get("Access-Control-Allow-Credentials"))
				assert.Contains(t, header.Get("Vary"), "Origin")
			}
			assert.Equal(t, http.StatusOK, read.status)
			other := p.raw(request{method: http.MethodOptions, header: []string{"Origin", origin, "Access-Control-Request-Method", "DELETE"}}).header
			assert.Empty(t, other.Get("Access-Control-Allow-Methods"))
		}
	})

	t.Run("who is not signed in, or lacks the permission, gets nothing", func(t *testing.T) {
		for _, query := range []string{
			`{ users { totalCount } }`, `{ user(id: "x") { id } }`, `{ node(id: "x") { id } }`, `{ roles { id } }`, `{ organization { name } }`,
			`mutation { inviteUsers(input: {emails: ["a@b.example"], roleId: "x"}) { users { id } } }`,
			`mutation { resendInvitation(id: "x") { user { id } } }`, `mutation { updateUser(id: "x", input: {name: "x"}) { user { id } } }`,
			`mutation { deleteUser(id: "x") { user { id } } }`, `mutation { reactivateUser(id: "x") { user { id } } }`,
			`mutation { resetPassword(id: "x") { user { id } } }`, `mutation { disable2FA(id: "x") { user { id } } }`,
			`mutation { changePassword(input: {currentPassword: "x", newPassword: "y"}) { user { id } } }`,
			`mutation { updateProfile(input: {name: "x"}) { user { id } } }`, `mutation { startTwoFactorSetup { secret } }`,
			`mutation { confirmTwoFactorSetup(code: "x") { recoveryCodes } }`, `mutation { removeTwoFactor(code: "x") { user { id } } }`,
		} {
			r, err := p.anybody().ask(query, nil)
			require.NoError(t, err)
			assert.Equal(t, "UNAUTHENTICATED", r.code(), query)
		}
		viewer, viewerID := p.enter(admin, "Viewer", "viewer@example.com", "only looks at what there is")
		manager, _ := p.enter(admin, "User Manager", "manager@example.com", "manages those who are below")
		for _, mutation := range []string{"deleteUser", "reactivateUser", "resetPassword", "disable2FA", "resendInvitation"} {
			r, err := viewer.ask(`mutation($id: ID!) { `+mutation+`(id: $id) { user { id } } }`, object{"id": viewerID})
			require.NoError(t, err)
			assert.Equal(t, "FORBIDDEN", r.code(), mutation)
		}
		adminID := text(admin.viewer(), "user", "id")
		assert.Equal(t, []string{"ROLE_ESCALATION"}, refusals(manager.do(deleteQuery, object{"id": adminID})))
		assert.Equal(t, []string{"ROLE_ESCALATION"}, refusals(manager.invite("Administrator", "friend@example.com")))
		assert.Equal(t, []string{"SELF_ACTION"}, refusals(admin.do(deleteQuery, object{"id": adminID})))
		assert.Empty(t, refusals(manager.do(deleteQuery, object{"id": viewerID})), "the twin")
	})

	t.Run("an address from a peer that is not trusted changes neither limits nor what is kept", func(t *testing.T) {
		limited := 0
		for i := range 40 {
			got := p.raw(request{
				body:   operation(loginQuery, object{"in": object{"username": fmt.Sprintf("nobody%d", i), "password": "x"}}),
				header: []string{"X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i), "Forwarded", fmt.Sprintf("for=203.0.113.%d", i), "X-Real-Ip", fmt.Sprintf("203.0.113.%d", i)},
			})
			if strings.Contains(got.body, "RATE_LIMITED") {
				limited++
			}
		}
		assert.Positive(t, limited)
		p.raw(request{body: invite("zoe@example.com"), header: append([]string{"X-Forwarded-For", "203.0.113.99"}, bearer...)})
		for table, rows := range p.settled() {
			assert.NotContains(t, strings.Join(rows, "\n"), "203.0.113.", table)
		}
	})

	t.Run("and it is well afterwards", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, p.get("/readyz"))
		assert.NotNil(t, admin.viewer())
	})
}

// TestStrangersLearnNothing: whatever is wrong with a sign-in or a forgotten
// password, the answer is the same, to the byte; in both ways to run.
func TestStrangersLearnNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		p.enter(admin, "Viewer", "ann@example.com", "only looks at what there is")
		_, goneID := p.enter(admin, "Viewer", "gone@example.com", "only looks at what there is")
		admin.do(deleteQuery, object{"id": goneID})
		admin.invite("Viewer", "bob@example.com")

		var signIn, forgotten []string
		for _, name := range []string{"nobody@example.com", "nobody", "ann@example.com", "gone@example.com", "bob@example.com"} {
			in := object{"username": name, "password": "a password of somebody else"}
			signIn = append(signIn, p.raw(request{body: operation(loginQuery, object{"in": in})}).body)
			forgotten = append(forgotten, p.raw(request{body: operation(`mutation($in: RequestPasswordResetInput!) { requestPasswordReset(input: $in) { message userErrors { code } } }`, object{"in": object{"username": name}})}).body)
		}
		for i := range signIn {
			assert.Equal(t, signIn[0], signIn[i])
			assert.Equal(t, forgotten[0], forgotten[i])
		}
		assert.Contains(t, signIn[0], "INVALID_CREDENTIALS")
		right := p.anybody().signIn("ann@example.com", "only looks at what there is")
		assert.NotEmpty(t, text(right, "token"), "the twin")
	})
}

// TestSearchIsLiteral: what means something to a database is text, in both
// ways to run, and found where it stands.
func TestSearchIsLiteral(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		id := text(admin.invite("Viewer", "ann@example.com"), "users", 0, "id")
		count := func(search string) any {
			return admin.do(`query($s: String) { users(search: $s) { totalCount } }`, object{"s": search})["totalCount"]
		}
		for _, title := range []string{`100%_sure`, `(a+)+$`, `.*`, `\d\`, `"quoted"`, `'; DROP TABLE users; --`, `{$ne: null}`, `[[:alpha:]]`, `a|b`, `^x`} {
			changed := admin.do(`mutation($id: ID!, $t: String) { updateUser(id: $id, input: {title: $t}) { userErrors { code } } }`, object{"id": id, "t": title})
			require.Empty(t, refusals(changed))
			assert.EqualValues(t, 1, count(title), "found: %s", title)
			for _, other := range []string{"100x_sure", "100%xsure", "aaaa", "xyz", "5", `1 OR 1=1`, "zz%", "z_"} {
				assert.EqualValues(t, 0, count(other), "%s does not find %s", other, title)
			}
		}
		cpu := p.cpu()
		for range repetitions {
			assert.EqualValues(t, 0, count(strings.Repeat("(a+)+", 30)+"$"))
			assert.EqualValues(t, 0, count(strings.Repeat("a", 150)+"!"))
		}
		assert.Less(t, p.cpu()-cpu, 2*repetitions*mostCPU)
	})
}

// TestForeignCursors: a cursor works in its own organization and list only.
func TestForeignCursors(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		p := install(t, w)
		admin := p.admin()
		code, said := once(t, p.env, "organization", "add", "Acme", "--admin", "ops@acme.example")
		require.Zero(t, code, said)
		link := loggedLink.FindStringSubmatch(said)
		require.NotNil(t, link, said)
		accepted := p.anybody().do(acceptQuery, object{"in": object{"token": link[1], "password": "the password of another one"}})
		require.Empty(t, refusals(accepted))
		ops := p.anybody()
		ops.token = text(ops.do(loginQuery, object{"in": object{"organization": "acme", "username": "ops@acme.example", "password": "the password of another one", "issueToken": true}}), "token")
		list := `query($a: String, $b: String, $f: Int, $l: Int, $o: UserOrder) { users(after: $a, before: $b, first: $f, last: $l, orderBy: $o) { nodes { id } pageInfo { endCursor } } }`
		cursor := text(ops.do(list, object{"f": 1}), "pageInfo", "endCursor")
		require.NotEmpty(t, cursor)
		assert.Empty(t, dig(ops.do(list, object{"f": 1, "a": cursor}), "nodes"), "the twin")

		last := cursor[:len(cursor)-1]
		for name, variables := range map[string]object{
			"of another organization":   {"f": 1, "a": cursor},
			"of another, backwards":     {"l": 1, "b": cursor},
			"of another order":          {"f": 1, "a": text(admin.do(list, object{"f": 1}), "pageInfo", "endCursor"), "o": object{"field": "EMAIL"}},
			"with its end changed":      {"f": 1, "a": last + "_"},
			"with its end cut":          {"f": 1, "a": last},
			"with something behind it":  {"f": 1, "a": cursor + "A"},
			"that is a pattern":         {"f": 1, "a": ".*"},
			"that is nothing":           {"f": 1, "a": ""},
			"that is a place in base64": {"f": 1, "a": "eyJpZCI6IiJ9"},
		} {
			r, err := admin.ask(list, variables)
			require.NoError(t, err)
			assert.Equal(t, "BAD_USER_INPUT", r.code(), "a cursor %s: %v", name, r)
		}
	})
}

// chain is an operation with fragments on a type, each of which spreads the
// next one (%d), and the last of which has end.
func chain(n int, on, link, end, operation string) string {
	var b strings.Builder
	b.WriteString(operation)
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on %s { %s }", i, on, fmt.Sprintf(link, i+1))
	}
	fmt.Fprintf(&b, " fragment f%d on %s { %s }", n, on, end)
	return b.String()
}

func aliases(n int, field string) string { return numbered(n, " a%d: "+field) }

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func manyVariables(n int) object {
	all := object{}
	for i := range n {
		all[fmt.Sprintf("v%d", i)] = i
	}
	return all
}
