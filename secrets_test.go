package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canaries are secrets by name, to be looked for where they must not be.
type canaries map[string]string

func (c canaries) add(name, secret string) string {
	if secret == "" {
		panic("no " + name)
	}
	c[name] = secret
	return secret
}

// spellings are the ways in which a secret may be written.
func spellings(secret string) []string {
	all := []string{
		secret, hex.EncodeToString([]byte(secret)),
		base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	if plain := strings.ReplaceAll(secret, "-", ""); plain != secret && len(plain) >= 16 {
		all = append(all, plain)
	}
	// What tokens and TOTP secrets are texts of. A token begins with its organization.
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil && len(raw) == 48 {
		all = append(all, string(raw[16:]), hex.EncodeToString(raw[16:]))
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, "-", "")); err == nil && len(raw) >= 10 {
		all = append(all, string(raw), hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw))
	}
	return all
}

// in are the names of the secrets that are in a text, in any spelling.
func (c canaries) in(text string) []string {
	found := []string{}
	for name, secret := range c {
		if slices.ContainsFunc(spellings(secret), func(s string) bool { return strings.Contains(text, s) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// ear keeps everything that is answered.
type ear struct {
	mu    sync.Mutex
	heard bytes.Buffer
}

func (e *ear) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = answer.Header.Write(&e.heard)
	e.heard.Write(body)
	return answer, err
}

func (e *ear) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard.String()
}

const (
	secondStepQuery     = `mutation($in: VerifyTwoFactorInput!) { verifyTwoFactor(input: $in) { token userErrors { code message } } }`
	completeResetQuery  = `mutation($in: CompletePasswordResetInput!) { completePasswordReset(input: $in) { userErrors { code message } } }`
	changePasswordQuery = `mutation($in: ChangePasswordInput!) { changePassword(input: $in) { userErrors { code message } } }`
	reauthenticateQuery = `mutation($in: ReauthenticateInput!) { reauthenticate(input: $in) { until userErrors { code message } } }`
	confirmSetupQuery   = `mutation($c: String!) { confirmTwoFactorSetup(code: $c) { recoveryCodes userErrors { code message } } }`
	removeQuery         = `mutation($c: String!) { removeTwoFactor(code: $c) { userErrors { code message } } }`
)

// TestSecretsStaySecret sends canaries of every kind down every path, where they
// are right and where they are wrong, and then looks for them: in logs, answers,
// audit events, metrics, traces, the stores, and mails that they do not belong to.
func TestSecretsStaySecret(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		for _, format := range []string{"text", "json"} {
			t.Run(format, func(t *testing.T) { secretsStaySecret(t, w, format) })
		}
	})
}

func secretsStaySecret(t *testing.T, w way, format string) {
	t.Helper()
	secret := canaries{}
	var inbox struct {
		sync.Mutex
		mails []string
	}
	smtpAddr := freeAddress(t)
	serveSMTPTo(t, smtpAddr, func(mail string) {
		inbox.Lock()
		defer inbox.Unlock()
		inbox.mails = append(inbox.mails, mail)
	})
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	env, whileAway := w.env(t), func(func()) {}
	if w.away != nil {
		env, whileAway = w.away(t, env)
	}
	secret.add("the password of the first administrator", adminPassword)
	traces := newCollector(t)
	p := install(t, way{env: func(*testing.T) []string { return env }}, append(traces.env(), "LOG_LEVEL=debug", "LOG_FORMAT="+format, "SMTP_URL=smtp://"+smtpAddr,
		"SECRET_KEY="+secret.add("the secret key", base64.StdEncoding.EncodeToString(key)))...)

	heard := &ear{}
	// overheard is a client of whose answers none may have a secret in it.
	overheard := func(token string) *client {
		return &client{p: p, token: token, http: &http.Client{Transport: heard, Timeout: 30 * time.Second}}
	}
	asks := func(c *client, query string, variables object, codes ...string) {
		t.Helper()
		r, err := c.ask(query, variables)
		require.NoError(t, err)
		if r.code() != "" {
			require.Equal(t, codes, []string{r.code()}, "%v", r)
			return
		}
		require.Equal(t, append([]string{}, codes...), refusals(r.payload()), "%s: %v", query, r.Data)
	}
	// letter waits for the n-th mail to somebody that has a link in it, and
	// answers the link's token.
	letter := func(to string, n int) (token string) {
		t.Helper()
		require.Eventually(t, func() bool {
			inbox.Lock()
			defer inbox.Unlock()
			found := 0
			for _, mail := range inbox.mails {
				if !strings.Contains(mail, "<"+to+">") {
					continue
				}
				if match := linkPattern.FindStringSubmatch(readable(mail)); match != nil {
					if found++; found == n {
						token = match[1]
					}
				}
			}
			return token != ""
		}, 20*time.Second, 20*time.Millisecond, "mail %d to %s", n, to)
		return token
	}

	admin := p.admin()
	secret.add("the session of the administrator", admin.token)
	administrator := overheard(admin.token)
	roles := administrator.roles()
	viewer := roles["Viewer"]
	next := 0
	newKey := func() string {
		next++
		return secret.add(fmt.Sprint("idempotency key ", next), "canary-key-"+rand.Text())
	}
	password := func(name string) string { return secret.add("password "+name, "canary "+rand.Text()) }

	// An invitation: renewed, looked at, refused and accepted.
	const ann = "ann@example.com"
	invite := object{"in": object{"emails": []string{ann}, "roleId": viewer, "idempotencyKey": newKey()}}
	asks(administrator, keyedInvite.query, invite)
	asks(administrator, keyedInvite.query, invite)
	first := secret.add("the first invitation of Ann", letter(ann, 1))
	annID := text(administrator.do(`query($s: String) { users(search: $s) { nodes { id } } }`, object{"s": ann}), "nodes", 0, "id")
	asks(administrator, keyedResend.query, object{"id": annID, "key": newKey()})
	second := secret.add("the second invitation of Ann", letter(ann, 2))
	accept := func(token, password string) object {
		return object{"in": object{"token": token, "password": password}}
	}
	anybody := overheard("")
	asks(anybody, acceptQuery, accept(first, password("for a dead link")), "LINK_INVALID")
	asks(anybody, acceptQuery, accept(secret.add("a token that never was", rand.Text()+rand.Text()), password("for no link")), "LINK_INVALID")
	asks(anybody, acceptQuery, accept(second, secret.add("a weak password", "canary-weak")), "WEAK_PASSWORD")
	require.NotNil(t, anybody.do(`query($t: String!) { invitation(token: $t) { email } }`, object{"t": second}))
	right := password("of Ann")
	asks(anybody, acceptQuery, accept(second, right))
	asks(anybody, acceptQuery, accept(second, right), "LINK_INVALID")

	// Signing in, wrong and right; texts in the wrong fields; dead and made-up sessions.
	login := func(username, password string) object {
		return object{"in": object{"username": username, "password": password, "issueToken": true}}
	}
	asks(anybody, loginQuery, login(ann, password("that is wrong")), "INVALID_CREDENTIALS")
	asks(anybody, loginQuery, login(password("for a username"), right), "INVALID_CREDENTIALS")
	signedIn := p.anybody()
	signedIn.signIn(ann, right)
	secret.add("the session of Ann", signedIn.token)
	asAnn := overheard(signedIn.token)
	madeUp := overheard(secret.add("a session that never was", base64.RawURLEncoding.EncodeToString(append(make([]byte, 16), []byte(rand.Text() + rand.Text())[:32]...))))
	require.Nil(t, madeUp.viewer())
	asks(asAnn, reauthenticateQuery, object{"in": object{"password": password("to prove oneself, wrong")}}, "WRONG_PASSWORD")
	asks(asAnn, reauthenticateQuery, object{"in": object{"password": right}})
	asks(asAnn, changePasswordQuery, object{"in": object{"currentPassword": password("that is not the current one"), "newPassword": password("that is not taken")}}, "WRONG_PASSWORD")
	changed := password("of Ann, changed")
	asks(asAnn, changePasswordQuery, object{"in": object{"currentPassword": right, "newPassword": changed}})

	// A reset, asked for by a stranger and by the administrator; used and dead.
	asks(anybody, `mutation($in: RequestPasswordResetInput!) { requestPasswordReset(input: $in) { message userErrors { code } } }`, object{"in": object{"username": ann}})
	asked := secret.add("the first reset of Ann", letter(ann, 3))
	asks(administrator, keyedReset.query, object{"id": annID, "key": newKey()})
	sent := secret.add("the second reset of Ann", letter(ann, 4))
	asks(anybody, completeResetQuery, accept(asked, password("for a dead reset")), "LINK_INVALID")
	asks(anybody, completeResetQuery, accept(sent, "canary-weak"), "WEAK_PASSWORD")
	reset := password("of Ann, reset")
	asks(anybody, completeResetQuery, accept(sent, reset))

	// The second factor: begun twice, confirmed, used wrong and right, disabled.
	signedIn.signIn(ann, reset)
	asAnn = overheard(secret.add("the session of Ann after the reset", signedIn.token))
	secret.add("a TOTP secret that is not confirmed", text(signedIn.do(`mutation { startTwoFactorSetup { secret userErrors { code } } }`, nil), "secret"))
	seed := secret.add("the TOTP secret of Ann", text(signedIn.do(`mutation { startTwoFactorSetup { secret userErrors { code } } }`, nil), "secret"))
	asks(asAnn, confirmSetupQuery, object{"c": secret.add("a wrong code", "canary-code-"+rand.Text())}, "WRONG_CODE")
	code, err := totp.GenerateCode(seed, time.Now().Add(-30*time.Second))
	require.NoError(t, err)
	confirmed := signedIn.do(confirmSetupQuery, object{"c": code})
	codes, _ := confirmed["recoveryCodes"].([]any)
	require.Len(t, codes, 10)
	for i, code := range codes {
		secret.add(fmt.Sprint("recovery code ", i), code.(string)) //nolint:forcetypeassert // the schema says so
	}
	challenge := func() string {
		half := p.anybody().signIn(ann, reset)
		return secret.add(fmt.Sprint("challenge ", rand.Text()), text(half, "twoFactorChallenge", "token"))
	}
	half := challenge()
	asks(anybody, secondStepQuery, object{"in": object{"challenge": half, "code": "canary-code"}}, "WRONG_CODE")
	asks(anybody, secondStepQuery, object{"in": object{"challenge": secret["a session that never was"], "code": codes[0]}}, "LINK_INVALID")
	secret.add("the session of Ann after two factors", text(p.anybody().do(secondStepQuery, object{"in": object{"challenge": half, "code": codes[0], "issueToken": true}}), "token"))
	asks(anybody, secondStepQuery, object{"in": object{"challenge": half, "code": codes[1]}}, "LINK_INVALID")
	asks(anybody, secondStepQuery, object{"in": object{"challenge": challenge(), "code": codes[0]}}, "WRONG_CODE")
	asks(asAnn, reauthenticateQuery, object{"in": object{"code": codes[2]}})
	asks(asAnn, removeQuery, object{"c": "canary-code-x"}, "WRONG_CODE")
	asks(administrator, keyedDisable.query, object{"id": annID, "key": newKey()})
	asks(administrator, deleteQuery, object{"id": annID})
	asks(administrator, keyedReactivate.query, object{"id": annID, "key": newKey()})
	asks(administrator, keyedReactivate.query, object{"id": annID, "key": secret["idempotency key 1"]}, "INVALID")

	// Requests that are none, with secrets in them.
	wrong := password("in a request that is none")
	for _, body := range []string{
		`{"query": ` + wrong,
		`{"query":"mutation { login(input: {username: \"a\", password: \"` + wrong + `\" ","variables":{}}`,
		`{"query":"mutation { login(input: {username: \"a\", pass: \"` + wrong + `\"}) { token } }"}`,
		`{"query":"mutation { login(input: {username: \"a\", password: \"` + wrong + `\", issueToken: \"` + wrong + `\"}) { token } }"}`,
		`{"query":"mutation { changePassword(input: \"` + wrong + `\") { userErrors { code } } }"}`,
		`{"query":"mutation($in: LoginInput!) { login(input: $in) { token } }","variables":{"in":{"username":"a","password":{"is":"` + wrong + `"}}}}`,
		`{"query":"mutation($in: LoginInput!) { login(input: $in) { token } }","variables":{"in":{"username":"a","password":["` + wrong + `","b"]}}}`,
		`{"query":"mutation($in: LoginInput!) { login(input: $in) { token } }","variables":{"in":{"username":"a","password":"b","issueToken":"` + wrong + `"}}}`,
		`{"query":"mutation($in: LoginInput!) { login(input: $in) { token } }","variables":{"in":"` + wrong + `"}}`,
		`{"query":"{ users(after: \"` + wrong + `\") { totalCount } }"}`,
		`{"query":"{ users(status: \"` + wrong + `\") { totalCount } }"}`,
	} {
		for _, path := range []string{"/graphql", "/graphql?token=" + second} {
			request, err := http.NewRequest(http.MethodPost, p.url+path, strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Authorization", "Bearer "+admin.token)
			answer, err := (&http.Client{Transport: heard}).Do(request)
			require.NoError(t, err)
			_ = answer.Body.Close()
		}
	}
	for _, header := range []string{"Authorization", "Cookie", "X-Forwarded-For", "Origin"} {
		request, err := http.NewRequest(http.MethodPost, p.url+"/graphql", strings.NewReader(`{"query":"{ viewer { user { id } } }"}`))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(header, "session="+wrong)
		answer, err := (&http.Client{Transport: heard}).Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
	}
	whileAway(func() {
		for i, c := range []struct {
			query     string
			variables object
		}{
			{loginQuery, login(adminEmail, password("of a sign-in while the stores are away"))},
			{acceptQuery, accept(first, password("of a set-up while the stores are away"))},
			{completeResetQuery, accept(sent, password("of a reset while the stores are away"))},
			{keyedInvite.query, object{"in": object{"emails": []string{"away@example.com"}, "roleId": viewer, "idempotencyKey": newKey()}}},
		} {
			by := anybody
			if i == 3 {
				by = administrator
			}
			// Links live in one of the stores, sessions and limits in the other.
			r, err := by.ask(c.query, c.variables)
			require.NoError(t, err)
			require.Contains(t, []string{"UNAVAILABLE", "LINK_INVALID"}, r.code()+strings.Join(refusals(r.payload()), " "), c.query)
		}
	})

	// What is left alive, so that its hash must be there.
	asks(administrator, keyedInvite.query, object{"in": object{"emails": []string{"bob@example.com"}, "roleId": viewer, "idempotencyKey": newKey()}})
	bobs := secret.add("the invitation of Bob", letter("bob@example.com", 1))
	cy, _ := func() (*client, string) {
		asks(administrator, keyedInvite.query, object{"in": object{"emails": []string{"cy@example.com"}, "roleId": viewer}})
		asks(anybody, acceptQuery, accept(secret.add("the invitation of Cy", letter("cy@example.com", 1)), password("of Cy")))
		c := p.anybody()
		c.signIn("cy@example.com", secret["password of Cy"])
		return c, secret.add("the session of Cy", c.token)
	}()
	cysSeed, cysCodes := cy.secondFactor()
	secret.add("the TOTP secret of Cy", cysSeed)
	secret.add("a recovery code of Cy", text(cysCodes, 0))
	var events strings.Builder
	for after := any(nil); ; {
		page := administrator.do(`query($after: String) { auditEvents(first: 100, after: $after) { nodes { action ipAddress userAgent before { field value } after { field value } } pageInfo { hasNextPage endCursor } } }`, object{"after": after})
		written, err := json.Marshal(page["nodes"])
		require.NoError(t, err)
		events.Write(written)
		if more, _ := dig(page, "pageInfo", "hasNextPage").(bool); !more {
			break
		}
		after = dig(page, "pageInfo", "endCursor")
	}
	metrics := p.metrics()
	dump := w.dump(t, p)
	hash := func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	}
	require.Contains(t, dump, hash(bobs), "the search finds what is there")
	require.Contains(t, dump, hash(cy.token))
	require.Contains(t, events.String(), "USER_INVITED")
	require.Contains(t, heard.text(), ann)
	require.Contains(t, metrics, `roster_operations_total{operation="changePassword",outcome="WRONG_PASSWORD"}`)
	traces.await(t, "graphql auditEvents")
	require.Contains(t, traces.names(), "Mutation.confirmTwoFactorSetup")

	t.Logf("%d canaries, looked for in %d bytes of logs, %d of answers, %d of audit events, %d of metrics, %d of traces, %d of the stores, %d mails",
		len(secret), len(p.log()), len(heard.text()), events.Len(), len(metrics), len(traces.text()), len(dump), len(inbox.mails))
	for where, text := range map[string]string{
		"logs": p.log(), "answers": heard.text(), "audit events": events.String(), "metrics": metrics, "traces": traces.text(), "stores": dump,
	} {
		assert.Empty(t, secret.in(text), where)
	}
	inbox.Lock()
	defer inbox.Unlock()
	for _, mail := range inbox.mails {
		token := ""
		if match := linkPattern.FindStringSubmatch(readable(mail)); match != nil {
			token = match[1]
		}
		for _, name := range secret.in(readable(mail)) {
			assert.Equal(t, token, secret[name], "%s is in a mail of its own only", name)
		}
	}
	for _, person := range []string{ann, adminEmail, "bob@example.com", "127.0.0.1", "Go-http-client"} {
		assert.NotContains(t, metrics, person)
		assert.NotContains(t, traces.text(), person)
	}
	for line := range strings.Lines(p.log()) {
		if format == "json" {
			assert.True(t, json.Valid([]byte(line)), line)
			continue
		}
		assert.Regexp(t, `^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=`, line)
	}
}

// readable undoes quoted-printable as far as links need it.
func readable(mail string) string {
	return strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(mail)
}

// files are all that the program has written into its folder, but for mails and
// the key.
func files(t *testing.T, p *program) string {
	t.Helper()
	var all strings.Builder
	entries, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == "secret.key" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(p.dir, entry.Name()))
		require.NoError(t, err)
		all.Write(content)
	}
	return all.String()
}

// TestNoValueForgesALine: whatever is sent, every line of the log is the
// program's own, and an audit event has no line in it.
func TestNoValueForgesALine(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		for _, format := range []string{"text", "json"} {
			p := install(t, w, "LOG_LEVEL=debug", "LOG_FORMAT="+format, "TRUSTED_PROXIES=127.0.0.0/8")
			admin := p.admin()
			viewer := admin.roles()["Viewer"]
			adminID := text(admin.viewer(), "user", "id")
			for _, end := range []string{"\r\n", "\n", "\r", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x00", "\x1b[2K\r"} {
				forged := `x` + end + `time=2026-01-01T00:00:00Z level=ERROR msg=forged` + end + `{"level":"ERROR","msg":"forged"}` + end
				for _, c := range []struct {
					query     string
					variables object
				}{
					{updateQuery, object{"id": adminID, "in": object{"name": forged}}},
					{updateQuery, object{"id": adminID, "in": object{"title": forged}}},
					{updateQuery, object{"id": adminID, "in": object{"username": forged}}},
					{createRoleQuery, object{"in": object{"name": forged, "description": forged, "permissions": []string{}}}},
					{settingsQuery, object{"in": object{"name": forged}}},
					{inviteQuery, object{"in": object{"emails": []string{`"` + forged + `" <forged@example.com>`}, "roleId": viewer, "idempotencyKey": forged}}},
					{loginQuery, object{"in": object{"organization": forged, "username": forged, "password": forged}}},
					{acceptQuery, object{"in": object{"token": forged, "name": forged, "username": forged, "title": forged, "password": forged}}},
					{secondStepQuery, object{"in": object{"challenge": forged, "code": forged}}},
					{`query($s: String) { users(search: $s, after: $s) { totalCount } }`, object{"s": forged}},
					{`query($s: ID!) { node(id: $s) { id } }`, object{"s": forged}},
					{`mutation($s: ID!) { deleteUser(id: $s) { userErrors { code } } }`, object{"s": forged}},
				} {
					_, err := admin.ask(c.query, c.variables)
					require.NoError(t, err, c.query)
				}
				// What a header can't hold, no client sends.
				if !strings.ContainsAny(forged, "\r\n\v\f\x00\x1b") {
					stranger := p.anybody()
					stranger.agent, stranger.ip = forged, forged
					_, err := stranger.ask(loginQuery, object{"in": object{"username": adminEmail, "password": adminPassword, "issueToken": true}})
					require.NoError(t, err)
				}
			}
			require.NotEmpty(t, p.log())
			for line := range strings.Lines(p.log()) {
				if format == "json" {
					var entry struct{ Time, Level, Msg string }
					if assert.NoError(t, json.Unmarshal([]byte(line), &entry), line) {
						assert.NotEmpty(t, entry.Time)
						assert.NotEqual(t, "forged", entry.Msg)
					}
					continue
				}
				assert.Regexp(t, `^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=`, line)
				assert.NotRegexp(t, `^\S+ \S+ msg=forged`, line)
			}
			page := admin.do(`{ auditEvents(first: 100) { nodes { action ipAddress userAgent before { field value } after { field value } } } }`, nil)
			nodes, _ := page["nodes"].([]any)
			require.NotEmpty(t, nodes)
			eachText(nodes, func(text string) {
				assert.NotContains(t, strings.Map(lineEnd, text), "\n", "%q", text)
			})
		}
	})
}

// lineEnd makes a line feed of whatever ends a line somewhere, or moves the cursor.
func lineEnd(r rune) rune {
	if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
		return '\n'
	}
	return r
}

// eachText goes through the texts of an answer.
func eachText(v any, do func(text string)) {
	switch v := v.(type) {
	case string:
		do(v)
	case []any:
		for _, one := range v {
			eachText(one, do)
		}
	case object:
		for _, one := range v {
			eachText(one, do)
		}
	}
}

// TestTheSecretKeyChanges: with the new key before the old one everybody goes
// on; with the new one alone, those do who have signed in meanwhile.
func TestTheSecretKeyChanges(t *testing.T) {
	newKey := func() string {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return base64.StdEncoding.EncodeToString(key)
	}
	older, newer := newKey(), newKey()
	eachWay(t, func(t *testing.T, w way) {
		env := w.env(t)
		p := install(t, way{env: func(*testing.T) []string { return env }}, "SECRET_KEY="+older)
		admin := p.admin()
		ann, annID := p.enter(admin, "Viewer", "ann@example.com", "a walk along the river")
		bob, _ := p.enter(admin, "Viewer", "bob@example.com", "another walk along the river")
		setUp := func(c *client, step time.Duration) string {
			secret := text(c.do(`mutation { startTwoFactorSetup { secret userErrors { code } } }`, nil), "secret")
			code, err := totp.GenerateCode(secret, time.Now().Add(step))
			require.NoError(t, err)
			require.Empty(t, refusals(c.do(confirmSetupQuery, object{"c": code})))
			return secret
		}
		secrets := map[string]string{"ann": setUp(ann, -30*time.Second), "bob": setUp(bob, -30*time.Second)}
		verify := func(who, password string, step time.Duration) (payload object, code string) {
			t.Helper()
			half := p.anybody().signIn(who+"@example.com", password)
			challenge := text(half, "twoFactorChallenge", "token")
			require.NotEmpty(t, challenge)
			passcode, err := totp.GenerateCode(secrets[who], time.Now().Add(step))
			require.NoError(t, err)
			r, err := p.anybody().ask(secondStepQuery, object{"in": object{"challenge": challenge, "code": passcode, "issueToken": true}})
			require.NoError(t, err)
			return r.payload(), r.code()
		}
		const page = `query($after: String) { users(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } }`
		cursor := text(admin.do(page, nil), "pageInfo", "endCursor")
		require.NotEmpty(t, cursor)
		restart := func(keys string) {
			t.Helper()
			require.Equal(t, 0, p.stop())
			p.env = slices.DeleteFunc(p.env, func(pair string) bool { return strings.HasPrefix(pair, "SECRET_KEY=") })
			p.env = append(p.env, "SECRET_KEY="+keys)
			p.start()
		}

		restart(newer + "," + older)
		signedIn, code := verify("ann", "a walk along the river", 0)
		require.Empty(t, code)
		assert.NotEmpty(t, text(signedIn, "token"), "the old key still opens: %v", signedIn)
		again := admin.do(page, object{"after": cursor})
		assert.NotEmpty(t, text(again, "nodes", 0, "id"), "a cursor that the old key has signed")
		renewed := text(again, "pageInfo", "endCursor")

		restart(newer)
		signedIn, code = verify("ann", "a walk along the river", 30*time.Second)
		require.Empty(t, code)
		assert.NotEmpty(t, text(signedIn, "token"), "the sign-in has sealed it with the new key: %v", signedIn)
		before := len(p.log())
		signedIn, code = verify("bob", "another walk along the river", 0)
		assert.Equal(t, "INTERNAL", code, "it fails closed")
		assert.Empty(t, text(signedIn, "token"))
		assert.Eventually(t, func() bool { return strings.Contains(p.log()[before:], "put back the key it was sealed with") },
			5*time.Second, 10*time.Millisecond, "the operator reads what to do")
		assert.NotContains(t, p.log()[before:], "panic")
		assert.NotNil(t, admin.do(page, object{"after": renewed}), "a cursor that the new key has signed")
		r, err := admin.ask(page, object{"after": cursor})
		require.NoError(t, err)
		assert.Equal(t, "BAD_USER_INPUT", r.code(), "a cursor of a key that is gone")

		// The way out without the key: the administrator takes the factor off.
		bobID := text(admin.do(`{ users(search: "bob") { nodes { id } } }`, nil), "nodes", 0, "id")
		assert.NotEqual(t, annID, bobID)
		require.Empty(t, refusals(admin.do(keyedDisable.query, object{"id": bobID})))
		bob.signIn("bob@example.com", "another walk along the river")
		assert.NotEmpty(t, bob.token)
	})
}

var keyMistake = regexp.MustCompile(`SECRET_KEY`)

// TestAMissingOrDefaultSecretStopsTheStart of the services way.
func TestAMissingOrDefaultSecretStopsTheStart(t *testing.T) {
	services := []string{"MONGODB_URI=mongodb://127.0.0.1:1/roster", "REDIS_URL=redis://127.0.0.1:1"}
	short := base64.StdEncoding.EncodeToString([]byte("sixteen bytes of"))
	for _, c := range []struct{ name, value string }{
		{"none", ""},
		{"an empty one", "SECRET_KEY="},
		{"zeros", "SECRET_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
		{"one byte over and over", "SECRET_KEY=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("a"), 32))},
		{"the word of an example", "SECRET_KEY=changeme"},
		{"too short a key", "SECRET_KEY=" + short},
		{"a good one and a default", "SECRET_KEY=" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnopqrstuv")) + "," + base64.StdEncoding.EncodeToString(make([]byte, 32))},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said := once(t, append(slices.Clone(services), "DATA_DIR="+t.TempDir(), "ADDR=127.0.0.1:0", c.value))
			assert.NotZero(t, code)
			assert.Regexp(t, keyMistake, said)
			assert.Len(t, strings.Split(strings.TrimSpace(said), "\n"), 1, "one sentence")
			if _, key, _ := strings.Cut(c.value, "="); len(key) > 8 {
				assert.NotContains(t, said, key, "the key is not repeated")
			}
		})
	}
}
