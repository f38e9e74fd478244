// Package config turns the command line, the environment and an --env-file
// into what the server needs to know before it starts. A mistake in any of
// them is one sentence that names the variable and the remedy.
package config

import (
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Config is how an installation is set up. Its tags are the source of the
// variables, the defaults, the bounds and --help; the type names one of the
// parsers. A flag is spelled as its variable: PUBLIC_URL, --public-url. A
// hidden field may hold a secret: it has no flag, since every user of a machine
// sees its command lines, and no error repeats it.
type Config struct {
	// Addr is host:port; without a host, every interface; with port 0, any free port.
	Addr string `env:"ADDR" type:"addr" default:"localhost:8080" help:"Address to listen on."`
	// PublicURL is absolute, without a slash at its end.
	PublicURL *url.URL `env:"PUBLIC_URL" type:"publicurl" default:"http://localhost:8080" help:"Base of every link in a mail; never taken from a request."`
	// DataDir need not exist yet.
	DataDir string `env:"DATA_DIR" type:"dir" default:"./data" help:"Where the SQLite file, the generated key and mail kept as files are."`
	// MongoDBURI and RedisURL are both set or both empty; see Services.
	MongoDBURI string `env:"MONGODB_URI" type:"mongodburi" hidden:"" help:"MongoDB, with REDIS_URL instead of SQLite: mongodb:// or mongodb+srv://. The path is the database's name, roster without one."`
	// RedisURL is written as go-redis reads it. The kind of Redis is in its
	// query: with master_name it is a Sentinel (redis.ParseFailoverURL), else
	// with addr a Cluster (redis.ParseClusterURL), else one server (redis.ParseURL).
	RedisURL string `env:"REDIS_URL" type:"redisurl" hidden:"" help:"Redis, with MONGODB_URI: redis:// or rediss://. ?addr=HOST:PORT makes it a Cluster, once for each further node, ?master_name=NAME a Sentinel."`
	// SMTPURL always has a port; nil means that mail is kept as files.
	SMTPURL *url.URL `env:"SMTP_URL" type:"smtpurl" hidden:"" help:"Mail server: smtp:// or smtps://USER:PASSWORD@HOST:PORT. Without one, every mail becomes a file in DATA_DIR/mail and its link is logged."`
	// MailFrom is what mails come from.
	MailFrom mail.Address `env:"MAIL_FROM" type:"mailfrom" default:"Roster <no-reply@localhost>" help:"Sender of mails."`
	// AllowedOrigins are spelled as browsers do: scheme://host[:port] in lower case.
	AllowedOrigins []string `env:"ALLOWED_ORIGINS" type:"origins" help:"Other origins that a console may be served from (CORS with credentials)."`
	// SecretKeys have 32 bytes each: the first encrypts, all decrypt. Nil in
	// the embedded way when none is set; see LoadOrCreateKey.
	SecretKeys [][]byte `env:"SECRET_KEY" type:"secretkeys" hidden:"" help:"32 random bytes in base64 (openssl rand -base64 32); several, comma-separated, for rotation: the first encrypts. Generated into DATA_DIR with SQLite, required with MongoDB."`
	// BootstrapAdminEmail is one bare address.
	BootstrapAdminEmail string `env:"BOOTSTRAP_ADMIN_EMAIL" type:"email" default:"admin@localhost" help:"First administrator of an empty store."`
	// BootstrapAdminPassword is empty or fits PasswordMinLength.
	BootstrapAdminPassword string `env:"BOOTSTRAP_ADMIN_PASSWORD" type:"secret" hidden:"" help:"With it, the first administrator is active at once; without, a link to set one is logged."`
	// SeatLimit counts CSM seats.
	SeatLimit int `env:"SEAT_LIMIT" type:"count" min:"0" max:"50000" default:"25" help:"CSM seats of a new organization."`
	// InvitationTTL is how long the link in an invitation is valid.
	InvitationTTL time.Duration `env:"INVITATION_TTL" type:"ttl" min:"1s" max:"2160h" default:"168h" help:"How long an invitation is valid."`
	// PasswordResetTTL is how long the link to set a new password is valid.
	PasswordResetTTL time.Duration `env:"PASSWORD_RESET_TTL" type:"ttl" min:"1s" max:"168h" default:"24h" help:"How long a link to reset a password is valid."`
	// PasswordMinLength is in code points.
	PasswordMinLength int `env:"PASSWORD_MIN_LENGTH" type:"count" min:"8" max:"128" default:"15" help:"Fewest characters of a password."`
	// InvitationsPerHour counts for each organization.
	InvitationsPerHour int `env:"INVITATIONS_PER_HOUR" type:"count" min:"1" max:"1000000" default:"1000" help:"Most invitations an organization sends in an hour."`
	// TrustedProxies never trust everybody; a single address is a full-length prefix.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" type:"proxies" help:"Networks whose X-Forwarded-For is believed."`
	// GraphiQL tells whether /graphiql is served.
	GraphiQL bool `env:"GRAPHIQL" type:"switch" default:"on" help:"Serve /graphiql: on or off."`
	// MetricsAddr is empty, or as Addr.
	MetricsAddr string `env:"METRICS_ADDR" type:"addr" help:"Address of its own for /metrics, for whoever can reach it. Without one, /metrics is at ADDR, and answers this machine only, and only while PUBLIC_URL is on localhost."`
	// OTLPEndpoint is nil when nothing is traced. The other variables of
	// OpenTelemetry are read by its own library, from the environment.
	OTLPEndpoint *url.URL `env:"OTEL_EXPORTER_OTLP_ENDPOINT" type:"collector" hidden:"" help:"OpenTelemetry collector that traces are sent to, by http/protobuf. Without one, nothing is traced."`
	// LogLevel is the least that is logged.
	LogLevel slog.Level `env:"LOG_LEVEL" type:"level" default:"info" help:"Least that is logged: debug, info, warn or error."`
	// LogFormat is text or json.
	LogFormat string `env:"LOG_FORMAT" type:"format" default:"text" help:"How it is logged: text or json."`
}

// Services tells whether MongoDB and Redis hold the data, rather than SQLite.
func (c Config) Services() bool { return c.MongoDBURI != "" && c.RedisURL != "" }

// maxPassword is in code points, as PasswordMinLength.
const maxPassword = 128

// check finds what is wrong between variables that are right by themselves.
func (c Config) check() error {
	switch length := utf8.RuneCountInString(norm.NFKC.String(c.BootstrapAdminPassword)); {
	case c.MongoDBURI != "" && c.RedisURL == "":
		return mistake("REDIS_URL is not set but MONGODB_URI is: set both to use MongoDB and Redis, or neither to use SQLite.")
	case c.MongoDBURI == "" && c.RedisURL != "":
		return mistake("MONGODB_URI is not set but REDIS_URL is: set both to use MongoDB and Redis, or neither to use SQLite.")
	case c.Services() && c.SecretKeys == nil:
		return mistake("SECRET_KEY is not set: with MONGODB_URI and REDIS_URL, set it to the same key on every server, made by openssl rand -base64 32.")
	case c.BootstrapAdminPassword != "" && (length < c.PasswordMinLength || length > maxPassword):
		return mistake(fmt.Sprintf("BOOTSTRAP_ADMIN_PASSWORD can't be used: set it to a password of %d (PASSWORD_MIN_LENGTH) to %d characters.", c.PasswordMinLength, maxPassword))
	}
	return nil
}
