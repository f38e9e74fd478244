package config_test

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"roster/internal/config"
)

// Two keys that are random, as far as anybody can tell.
const (
	key      = "q83vEjRWeJCrze8SNFZ4kA8eLTxLWml4h5alxNPi8QA="
	otherKey = "mpuNf2pbTD0uHwABEjRFVmd4iZqrvM3e7wARIjNEVWY"
)

const (
	mongoDBURI = "mongodb://localhost:27017/roster"
	redisURL   = "redis://localhost:6379"
)

// defaults is what nothing set amounts to: section 5 of the design.
func defaults() config.Config {
	return config.Config{
		Addr:                "localhost:8080",
		PublicURL:           mustURL("http://localhost:8080"),
		DataDir:             "./data",
		MailFrom:            mail.Address{Name: "Roster", Address: "no-reply@localhost"},
		BootstrapAdminEmail: "admin@localhost",
		SeatLimit:           25,
		InvitationTTL:       168 * time.Hour,
		PasswordResetTTL:    24 * time.Hour,
		PasswordMinLength:   15,
		InvitationsPerHour:  1000,
		GraphiQL:            true,
		LogLevel:            slog.LevelInfo,
		LogFormat:           "text",
	}
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

func mustKey(text string) []byte {
	k, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		panic(err)
	}
	return k
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(url.Userinfo{}), cmpopts.EquateComparable(netip.Prefix{}))
}

func TestNothingSetIsTheEmbeddedWayWithTheDefaults(t *testing.T) {
	got, err := config.Parse(nil, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(config.Invocation{Command: config.Serve{}, Config: defaults()}, got); d != "" {
		t.Error(d)
	}
	if got.Config.Services() {
		t.Error("Services() is true without MONGODB_URI and REDIS_URL")
	}
}

func TestMongoDBAndRedisTogetherAreTheServicesWay(t *testing.T) {
	got, err := config.Parse(nil, []string{"MONGODB_URI=" + mongoDBURI, "REDIS_URL=" + redisURL, "SECRET_KEY=" + key}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.MongoDBURI, want.RedisURL, want.SecretKeys = mongoDBURI, redisURL, [][]byte{mustKey(key)}
	if d := diff(want, got.Config); d != "" {
		t.Error(d)
	}
	if !got.Config.Services() {
		t.Error("Services() is false with MONGODB_URI and REDIS_URL")
	}
}

// The last part of the sentences about a variable.
const (
	addr      = ": set it to host:port such as localhost:8080, or :8080 for every interface."
	publicURL = ": set it to an absolute http or https URL such as https://users.example.com."
	mongo     = "MONGODB_URI can't be used: set it to mongodb://USER:PASSWORD@HOST:27017/roster, with several hosts comma-separated, or mongodb+srv://HOST/roster, and special characters of the password percent-encoded."
	redis     = "REDIS_URL can't be used: set it to redis:// or rediss://USER:PASSWORD@HOST:6379/0, with ?addr=HOST:PORT for a Cluster or ?master_name=NAME for a Sentinel, and special characters of the password percent-encoded."
	smtp      = "SMTP_URL can't be used: set it to smtp://HOST:587 or smtps://USER:PASSWORD@HOST:465, with special characters of the password percent-encoded."
	otlp      = "OTEL_EXPORTER_OTLP_ENDPOINT can't be used: set it to the URL of a collector such as http://localhost:4318."
	mailFrom  = ": set it to one address such as Roster <no-reply@example.com>."
	origins   = ": set it to exact origins such as https://console.example.com, comma-separated and without a path, since * and null let anybody in."
	secretKey = "SECRET_KEY can't be used: set it to 32 random bytes in base64, made by openssl rand -base64 32; several for rotation are comma-separated."
	email     = ": set it to one e-mail address such as ann@example.com."
	seats     = ": set it to a whole number from 0 to 50000."
	invites   = ": set it to a duration such as 36h, from 1s to 2160h."
	resets    = ": set it to a duration such as 36h, from 1s to 168h."
	minimum   = ": set it to a whole number from 8 to 128."
	hourly    = ": set it to a whole number from 1 to 1000000."
	proxies   = ": set it to addresses or networks such as 10.0.0.0/8, comma-separated, of your own proxies only."
)

// variables are those of section 5, each with values that are refused with a
// sentence, and twins of these that are taken.
var variables = []struct {
	name  string
	wrong map[string]string
	right map[string]func(*config.Config)
}{
	{
		name: "ADDR",
		wrong: map[string]string{
			"localhost":              `ADDR is "localhost"` + addr,
			"8080":                   `ADDR is "8080"` + addr,
			"localhost:":             `ADDR is "localhost:"` + addr,
			"localhost:http":         `ADDR is "localhost:http"` + addr,
			"localhost:65536":        `ADDR is "localhost:65536"` + addr,
			"localhost:-1":           `ADDR is "localhost:-1"` + addr,
			"::1:8080":               `ADDR is "::1:8080"` + addr,
			"local host:8080":        `ADDR is "local host:8080"` + addr,
			"http://x:8080":          `ADDR is "http://x:8080"` + addr,
			"a\nb:80":                `ADDR is "a\nb:80"` + addr,
			strings.Repeat("a", 100): `ADDR is "` + strings.Repeat("a", 60) + `"` + addr,
		},
		right: map[string]func(*config.Config){
			"localhost:65535": func(c *config.Config) { c.Addr = "localhost:65535" },
			":8080":           func(c *config.Config) { c.Addr = ":8080" },
			"[::1]:8080":      func(c *config.Config) { c.Addr = "[::1]:8080" },
			"127.0.0.1:0":     func(c *config.Config) { c.Addr = "127.0.0.1:0" },
		},
	},
	{
		name: "PUBLIC_URL",
		wrong: map[string]string{
			"foo":                           `PUBLIC_URL is "foo"` + publicURL,
			"users.example.com":             `PUBLIC_URL is "users.example.com"` + publicURL,
			"/users":                        `PUBLIC_URL is "/users"` + publicURL,
			"ftp://users.example.com":       `PUBLIC_URL is "ftp://users.example.com"` + publicURL,
			"https://":                      `PUBLIC_URL is "https://"` + publicURL,
			"https:users.example.com":       `PUBLIC_URL is "https:users.example.com"` + publicURL,
			"https://users.example.com?":    `PUBLIC_URL is "https://users.example.com?"` + publicURL,
			"https://users.example.com?a=b": `PUBLIC_URL is "https://users.example.com?a=b"` + publicURL,
			"https://users.example.com/#":   `PUBLIC_URL is "https://users.example.com/#"` + publicURL,
			"https://users.example.com:0":   `PUBLIC_URL is "https://users.example.com:0"` + publicURL,
			"https://users example.com":     `PUBLIC_URL is "https://users example.com"` + publicURL,
			"https://a\"b.example.com":      `PUBLIC_URL is "https://a\"b.example.com"` + publicURL,
			"https://ann:canary@x.example":  `PUBLIC_URL can't be used` + publicURL,
		},
		right: map[string]func(*config.Config){
			"https://users.example.com":      func(c *config.Config) { c.PublicURL = mustURL("https://users.example.com") },
			"https://users.example.com///":   func(c *config.Config) { c.PublicURL = mustURL("https://users.example.com") },
			"https://example.com/users/":     func(c *config.Config) { c.PublicURL = mustURL("https://example.com/users") },
			"HTTPS://Users.Example.com:443/": func(c *config.Config) { c.PublicURL = mustURL("https://users.example.com") },
			"http://[::1]:8080":              func(c *config.Config) { c.PublicURL = mustURL("http://[::1]:8080") },
		},
	},
	{
		name:  "DATA_DIR",
		wrong: map[string]string{"a\x00b": `DATA_DIR is "a\x00b": set it to a directory such as ./data.`},
		right: map[string]func(*config.Config){
			"/var/lib/roster": func(c *config.Config) { c.DataDir = "/var/lib/roster" },
			"-":               func(c *config.Config) { c.DataDir = "-" },
		},
	},
	{
		name: "MONGODB_URI",
		wrong: map[string]string{
			mongoDBURI:                          "REDIS_URL is not set but MONGODB_URI is: set both to use MongoDB and Redis, or neither to use SQLite.",
			"localhost:27017":                   mongo,
			"http://localhost":                  mongo,
			"mongodb://":                        mongo,
			"mongodb:///roster":                 mongo,
			"mongodb://a,,b":                    mongo,
			"mongodb://a:port/roster":           mongo,
			"mongodb://a?w=majority":            mongo,
			"mongodb://ann:can@ary@a/roster":    mongo,
			"mongodb://ann:can/ary@a/roster":    mongo,
			"mongodb+srv://a.example:27017/db":  mongo,
			"mongodb+srv://a.example,b.example": mongo,
		},
	},
	{
		name: "REDIS_URL",
		wrong: map[string]string{
			redisURL:                           "MONGODB_URI is not set but REDIS_URL is: set both to use MongoDB and Redis, or neither to use SQLite.",
			"localhost:6379":                   redis,
			"http://localhost":                 redis,
			"unix:///run/redis.sock":           redis,
			"redis://":                         redis,
			"redis://a:1,b:2":                  redis,
			"redis://a:70000":                  redis,
			"redis://a/db":                     redis,
			"redis://a#b":                      redis,
			"redis://a?dail_timeout=3":         redis,
			"redis://a?master_name=":           redis,
			"redis://a?addr=b":                 redis,
			"redis://a?addr=b:1&dail_timeout=": redis,
			"redis://a?master_name=m&addr=b":   redis,
			"redis://ann:can/ary@a":            redis,
			"redis://ann:can%ary@a":            redis,
		},
	},
	{
		name: "SMTP_URL",
		wrong: map[string]string{
			"mail.example.com":                     smtp,
			"mail.example.com:587":                 smtp,
			"http://mail.example.com":              smtp,
			"smtp://":                              smtp,
			"smtp://:587":                          smtp,
			"smtp://mail.example.com:":             smtp,
			"smtp://mail.example.com:0":            smtp,
			"smtp://mail.example.com/x":            smtp,
			"smtp://mail.example.com?x":            smtp,
			"smtp://mail.example.com#x":            smtp,
			"smtp://ann@mail.example.com":          smtp,
			"smtp://:canary@mail.example.com":      smtp,
			"smtp://ann:can/ary@mail.example.com":  smtp,
			"smtp://ann:can%ary@mail.example.com":  smtp,
			"smtp://ann:canary@mail .example.com":  smtp,
			"smtp://ann:canary\n@mail.example.com": smtp,
		},
		right: map[string]func(*config.Config){
			"smtp://mail.example.com":      func(c *config.Config) { c.SMTPURL = mustURL("smtp://mail.example.com:587") },
			"smtps://mail.example.com":     func(c *config.Config) { c.SMTPURL = mustURL("smtps://mail.example.com:465") },
			"smtp://[::1]":                 func(c *config.Config) { c.SMTPURL = mustURL("smtp://[::1]:587") },
			"smtp://a:p%2Fw@localhost:25":  func(c *config.Config) { c.SMTPURL = mustURL("smtp://a:p%2Fw@localhost:25") },
			"smtps://a:pass@x.example:465": func(c *config.Config) { c.SMTPURL = mustURL("smtps://a:pass@x.example:465") },
		},
	},
	{
		name: "MAIL_FROM",
		wrong: map[string]string{
			"Roster":                                 `MAIL_FROM is "Roster"` + mailFrom,
			"Roster <>":                              `MAIL_FROM is "Roster <>"` + mailFrom,
			"a@example.com, b@example.com":           `MAIL_FROM is "a@example.com, b@example.com"` + mailFrom,
			"Roster <a@example.com>\r\nBcc: b@x.com": `MAIL_FROM is "Roster <a@example.com>\r\nBcc: b@x.com"` + mailFrom,
			"=?utf-8?q?a=0D=0ABcc?= <a@example.com>": `MAIL_FROM is "=?utf-8?q?a=0D=0ABcc?= <a@example.com>"` + mailFrom,
			"Roster <no-reply@server>":               `MAIL_FROM is "Roster <no-reply@server>"` + mailFrom,
			"Roster <\"no reply\"@example.com>":      `MAIL_FROM is "Roster <\"no reply\"@example.com>"` + mailFrom,
			"förster@example.com":                    `MAIL_FROM is "förster@example.com"` + mailFrom,
			"Roster <no-reply@[127.0.0.1]>":          `MAIL_FROM is "Roster <no-reply@[127.0.0.1]>"` + mailFrom,
		},
		right: map[string]func(*config.Config){
			"no-reply@example.com":           func(c *config.Config) { c.MailFrom = mail.Address{Address: "no-reply@example.com"} },
			`"Users, Acme" <no-reply@x.com>`: func(c *config.Config) { c.MailFrom = mail.Address{Name: "Users, Acme", Address: "no-reply@x.com"} },
			"a@förster.example":              func(c *config.Config) { c.MailFrom = mail.Address{Address: "a@förster.example"} },
			"Förster <a@example.com>":        func(c *config.Config) { c.MailFrom = mail.Address{Name: "Förster", Address: "a@example.com"} },
		},
	},
	{
		name: "ALLOWED_ORIGINS",
		wrong: map[string]string{
			"*":                              `ALLOWED_ORIGINS is "*"` + origins,
			"null":                           `ALLOWED_ORIGINS is "null"` + origins,
			"https://a.example,*":            `ALLOWED_ORIGINS is "https://a.example,*"` + origins,
			"https://*.example":              `ALLOWED_ORIGINS is "https://*.example"` + origins,
			"a.example":                      `ALLOWED_ORIGINS is "a.example"` + origins,
			"https://a.example/":             `ALLOWED_ORIGINS is "https://a.example/"` + origins,
			"https://a.example/x":            `ALLOWED_ORIGINS is "https://a.example/x"` + origins,
			"https://a.example?":             `ALLOWED_ORIGINS is "https://a.example?"` + origins,
			"https://a.example#":             `ALLOWED_ORIGINS is "https://a.example#"` + origins,
			"chrome-extension://abc":         `ALLOWED_ORIGINS is "chrome-extension://abc"` + origins,
			"https://a.example,":             `ALLOWED_ORIGINS is "https://a.example,"` + origins,
			"https://a.example https://b.de": `ALLOWED_ORIGINS is "https://a.example https://b.de"` + origins,
			"https://ann:canary@a.example":   `ALLOWED_ORIGINS can't be used` + origins,
		},
		right: map[string]func(*config.Config){
			"https://a.example": func(c *config.Config) { c.AllowedOrigins = []string{"https://a.example"} },
			"https://A.Example:443, http://localhost:5173": func(c *config.Config) {
				c.AllowedOrigins = []string{"https://a.example", "http://localhost:5173"}
			},
			"http://a.example:443,https://[::1]:80": func(c *config.Config) {
				c.AllowedOrigins = []string{"http://a.example:443", "https://[::1]:80"}
			},
		},
	},
	{
		name: "SECRET_KEY",
		wrong: map[string]string{
			"canary":        secretKey,
			key[:40]:        secretKey, // 30 bytes
			key[:43] + key:  secretKey,
			key + ",":       secretKey,
			key + ",canary": secretKey,
			"q83vEjRWeJCrze8SNFZ4kA8eLTxLWml4h5alxNPi8Q!": secretKey,
			encoded(strings.Repeat("\x00", 32)):           secretKey,
			encoded(strings.Repeat("\xa7", 32)):           secretKey,
		},
		right: map[string]func(*config.Config){
			key:                   func(c *config.Config) { c.SecretKeys = [][]byte{mustKey(key)} },
			key[:43]:              func(c *config.Config) { c.SecretKeys = [][]byte{mustKey(key)} },
			otherKey + ", " + key: func(c *config.Config) { c.SecretKeys = [][]byte{mustKey(otherKey), mustKey(key)} },
			strings.NewReplacer("+", "-", "/", "_").Replace("/+" + key[2:]): func(c *config.Config) {
				c.SecretKeys = [][]byte{mustKey("/+" + key[2:])}
			},
		},
	},
	{
		name: "BOOTSTRAP_ADMIN_EMAIL",
		wrong: map[string]string{
			"admin":                        `BOOTSTRAP_ADMIN_EMAIL is "admin"` + email,
			"Ann <ann@example.com>":        `BOOTSTRAP_ADMIN_EMAIL is "Ann <ann@example.com>"` + email,
			"ann@example.com,bo@x.example": `BOOTSTRAP_ADMIN_EMAIL is "ann@example.com,bo@x.example"` + email,
			"ann@example.com\n":            `BOOTSTRAP_ADMIN_EMAIL is "ann@example.com\n"` + email,
		},
		right: map[string]func(*config.Config){
			"Ann@Example.com": func(c *config.Config) { c.BootstrapAdminEmail = "Ann@Example.com" },
		},
	},
	{
		name: "BOOTSTRAP_ADMIN_PASSWORD",
		wrong: map[string]string{
			"canary":                     "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of 15 (PASSWORD_MIN_LENGTH) to 128 characters.",
			strings.Repeat("é", 14):      "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of 15 (PASSWORD_MIN_LENGTH) to 128 characters.",
			strings.Repeat("e\u0301", 8): "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of 15 (PASSWORD_MIN_LENGTH) to 128 characters.",
			strings.Repeat("é", 129):     "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of 15 (PASSWORD_MIN_LENGTH) to 128 characters.",
			"canary in latin 1: \xe9":    "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to text in UTF-8.",
		},
		right: map[string]func(*config.Config){
			strings.Repeat("é", 15):       func(c *config.Config) { c.BootstrapAdminPassword = strings.Repeat("é", 15) },
			strings.Repeat("é", 128):      func(c *config.Config) { c.BootstrapAdminPassword = strings.Repeat("é", 128) },
			" four words, spaced, $HOME ": func(c *config.Config) { c.BootstrapAdminPassword = " four words, spaced, $HOME " },
		},
	},
	{
		name: "SEAT_LIMIT",
		wrong: map[string]string{
			"-1":                   `SEAT_LIMIT is "-1"` + seats,
			"50001":                `SEAT_LIMIT is "50001"` + seats,
			"many":                 `SEAT_LIMIT is "many"` + seats,
			"2.5":                  `SEAT_LIMIT is "2.5"` + seats,
			"99999999999999999999": `SEAT_LIMIT is "99999999999999999999"` + seats,
		},
		right: map[string]func(*config.Config){
			"0":     func(c *config.Config) { c.SeatLimit = 0 },
			"50000": func(c *config.Config) { c.SeatLimit = 50000 },
		},
	},
	{
		name: "INVITATION_TTL",
		wrong: map[string]string{
			"7":       `INVITATION_TTL is "7"` + invites,
			"7d":      `INVITATION_TTL is "7d"` + invites,
			"-1h":     `INVITATION_TTL is "-1h"` + invites,
			"999ms":   `INVITATION_TTL is "999ms"` + invites,
			"2160h1s": `INVITATION_TTL is "2160h1s"` + invites,
		},
		right: map[string]func(*config.Config){
			"1s":    func(c *config.Config) { c.InvitationTTL = time.Second },
			"2160h": func(c *config.Config) { c.InvitationTTL = 90 * 24 * time.Hour },
		},
	},
	{
		name: "PASSWORD_RESET_TTL",
		wrong: map[string]string{
			"0":      `PASSWORD_RESET_TTL is "0"` + resets,
			"999ms":  `PASSWORD_RESET_TTL is "999ms"` + resets,
			"168h1s": `PASSWORD_RESET_TTL is "168h1s"` + resets,
		},
		right: map[string]func(*config.Config){
			"1s":   func(c *config.Config) { c.PasswordResetTTL = time.Second },
			"168h": func(c *config.Config) { c.PasswordResetTTL = 7 * 24 * time.Hour },
		},
	},
	{
		name: "PASSWORD_MIN_LENGTH",
		wrong: map[string]string{
			"7":   `PASSWORD_MIN_LENGTH is "7"` + minimum,
			"129": `PASSWORD_MIN_LENGTH is "129"` + minimum,
		},
		right: map[string]func(*config.Config){
			"8":   func(c *config.Config) { c.PasswordMinLength = 8 },
			"128": func(c *config.Config) { c.PasswordMinLength = 128 },
		},
	},
	{
		name: "INVITATIONS_PER_HOUR",
		wrong: map[string]string{
			"0":       `INVITATIONS_PER_HOUR is "0"` + hourly,
			"1000001": `INVITATIONS_PER_HOUR is "1000001"` + hourly,
		},
		right: map[string]func(*config.Config){
			"1":       func(c *config.Config) { c.InvitationsPerHour = 1 },
			"1000000": func(c *config.Config) { c.InvitationsPerHour = 1_000_000 },
		},
	},
	{
		name: "TRUSTED_PROXIES",
		wrong: map[string]string{
			"proxy.example.com":   `TRUSTED_PROXIES is "proxy.example.com"` + proxies,
			"10.0.0.0/33":         `TRUSTED_PROXIES is "10.0.0.0/33"` + proxies,
			"10.0.0.0/8,":         `TRUSTED_PROXIES is "10.0.0.0/8,"` + proxies,
			"10.0.0.0/8 ::1":      `TRUSTED_PROXIES is "10.0.0.0/8 ::1"` + proxies,
			"0.0.0.0/0":           `TRUSTED_PROXIES is "0.0.0.0/0"` + proxies,
			"::/0":                `TRUSTED_PROXIES is "::/0"` + proxies,
			"::ffff:10.0.0.1":     `TRUSTED_PROXIES is "::ffff:10.0.0.1"` + proxies,
			"::ffff:10.0.0.0/104": `TRUSTED_PROXIES is "::ffff:10.0.0.0/104"` + proxies,
			"fe80::1%eth0":        `TRUSTED_PROXIES is "fe80::1%eth0"` + proxies,
			"*":                   `TRUSTED_PROXIES is "*"` + proxies,
		},
		right: map[string]func(*config.Config){
			"10.1.2.3/8": func(c *config.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
			"127.0.0.1, ::1,fd00::/8": func(c *config.Config) {
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fd00::/8")}
			},
		},
	},
	{
		name: "GRAPHIQL",
		wrong: map[string]string{
			"true": `GRAPHIQL is "true": set it to on or off.`,
			"0":    `GRAPHIQL is "0": set it to on or off.`,
		},
		right: map[string]func(*config.Config){
			"off": func(c *config.Config) { c.GraphiQL = false },
			"on":  func(*config.Config) {},
			"OFF": func(c *config.Config) { c.GraphiQL = false },
		},
	},
	{
		name: "LOG_LEVEL",
		wrong: map[string]string{
			"verbose": `LOG_LEVEL is "verbose": set it to debug, info, warn or error.`,
			"info+1":  `LOG_LEVEL is "info+1": set it to debug, info, warn or error.`,
		},
		right: map[string]func(*config.Config){
			"debug": func(c *config.Config) { c.LogLevel = slog.LevelDebug },
			"WARN":  func(c *config.Config) { c.LogLevel = slog.LevelWarn },
			"error": func(c *config.Config) { c.LogLevel = slog.LevelError },
		},
	},
	{
		name: "METRICS_ADDR",
		wrong: map[string]string{
			"9464":            `METRICS_ADDR is "9464": set it to host:port such as localhost:8080, or :8080 for every interface.`,
			"localhost:9464/": `METRICS_ADDR is "localhost:9464/": set it to host:port such as localhost:8080, or :8080 for every interface.`,
		},
		right: map[string]func(*config.Config){
			":9464":         func(c *config.Config) { c.MetricsAddr = ":9464" },
			"10.0.0.5:9464": func(c *config.Config) { c.MetricsAddr = "10.0.0.5:9464" },
		},
	},
	{
		name: "OTEL_EXPORTER_OTLP_ENDPOINT",
		wrong: map[string]string{
			"localhost:4318":            otlp,
			"grpc://localhost:4317":     otlp,
			"http://localhost:4318?x=y": otlp,
		},
		right: map[string]func(*config.Config){
			"http://localhost:4318":       func(c *config.Config) { c.OTLPEndpoint = mustURL("http://localhost:4318") },
			"https://otel.example/roster": func(c *config.Config) { c.OTLPEndpoint = mustURL("https://otel.example/roster") },
		},
	},
	{
		name:  "LOG_FORMAT",
		wrong: map[string]string{"xml": `LOG_FORMAT is "xml": set it to text or json.`},
		right: map[string]func(*config.Config){
			"json": func(c *config.Config) { c.LogFormat = "json" },
		},
	},
}

func encoded(key string) string { return base64.StdEncoding.EncodeToString([]byte(key)) }

func TestAMistakeIsOneSentenceThatNamesTheVariableAndTheRemedy(t *testing.T) {
	for _, variable := range variables {
		for value, sentence := range variable.wrong {
			t.Run(variable.name+"="+value, func(t *testing.T) {
				_, err := config.Parse(nil, []string{variable.name + "=" + value}, io.Discard)
				if err == nil {
					t.Fatal("it is taken")
				}
				if d := cmp.Diff(sentence, err.Error()); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestWhatIsRightIsTaken(t *testing.T) {
	for _, variable := range variables {
		for value, change := range variable.right {
			t.Run(variable.name+"="+value, func(t *testing.T) {
				got, err := config.Parse(nil, []string{variable.name + "=" + value}, io.Discard)
				if err != nil {
					t.Fatal(err)
				}
				want := defaults()
				change(&want)
				if d := diff(want, got.Config); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestEveryKindOfMongoDBIsTaken(t *testing.T) {
	for _, uri := range []string{
		"mongodb://localhost",
		"mongodb://localhost/",
		"mongodb://[::1]:27017/roster",
		"mongodb://ann:p%40ss@a.example:27017,b.example,c.example:27019/roster?replicaSet=rs0&w=majority",
		"mongodb+srv://ann:pass@cluster0.abc.mongodb.net/?retryWrites=true",
	} {
		t.Run(uri, func(t *testing.T) {
			got, err := config.Parse(nil, []string{"MONGODB_URI=" + uri, "REDIS_URL=" + redisURL, "SECRET_KEY=" + key}, io.Discard)
			if err != nil || got.Config.MongoDBURI != uri {
				t.Errorf("%q, %v", got.Config.MongoDBURI, err)
			}
		})
	}
}

func TestEveryKindOfRedisIsTaken(t *testing.T) {
	for _, uri := range []string{
		"redis://localhost",
		"redis://[::1]:6379/1",
		"rediss://ann:p%40ss@redis.example:6380/2?dial_timeout=3s",
		"rediss://ann:pass@node1.example:6379?addr=node2.example:6379&addr=node3.example:6379",
		"redis://sentinel1:26379/0?master_name=main&addr=sentinel2:26379&username=ann&password=pass",
		"redis://sentinel1:26379?master_name=main",
	} {
		t.Run(uri, func(t *testing.T) {
			got, err := config.Parse(nil, []string{"MONGODB_URI=" + mongoDBURI, "REDIS_URL=" + uri, "SECRET_KEY=" + key}, io.Discard)
			if err != nil || got.Config.RedisURL != uri {
				t.Errorf("%q, %v", got.Config.RedisURL, err)
			}
		})
	}
}

func TestTheServicesWayDoesNotStartWithoutASecretKey(t *testing.T) {
	services := []string{"MONGODB_URI=" + mongoDBURI, "REDIS_URL=" + redisURL}
	_, err := config.Parse(nil, append(services, "SECRET_KEY="), io.Discard)
	want := "SECRET_KEY is not set: with MONGODB_URI and REDIS_URL, set it to the same key on every server, made by openssl rand -base64 32."
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := config.Parse(nil, append(services, "SECRET_KEY="+key), io.Discard); err != nil {
		t.Error(err)
	}
}

func TestTheBootstrapPasswordFollowsPasswordMinLength(t *testing.T) {
	_, err := config.Parse(nil, []string{"PASSWORD_MIN_LENGTH=20", "BOOTSTRAP_ADMIN_PASSWORD=nineteen characters"}, io.Discard)
	want := "BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of 20 (PASSWORD_MIN_LENGTH) to 128 characters."
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := config.Parse(nil, []string{"PASSWORD_MIN_LENGTH=19", "BOOTSTRAP_ADMIN_PASSWORD=nineteen characters"}, io.Discard); err != nil {
		t.Error(err)
	}
}
