package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"roster/internal/directory"
)

// parsers are the types in the tags of the grammar.
func parsers() []kong.Option {
	return []kong.Option{
		kong.NamedMapper("addr", parser[string]{addr, "host:port such as localhost:8080, or :8080 for every interface"}),
		kong.NamedMapper("publicurl", parser[*url.URL]{publicURL, "an absolute http or https URL such as https://users.example.com"}),
		kong.NamedMapper("collector", parser[*url.URL]{collector, "the URL of a collector such as http://localhost:4318"}),
		kong.NamedMapper("dir", parser[string]{dir, "a directory such as ./data"}),
		kong.NamedMapper("mongodburi", parser[string]{mongoDBURI, "mongodb://USER:PASSWORD@HOST:27017/roster, with several hosts comma-separated, or mongodb+srv://HOST/roster, and special characters of the password percent-encoded"}),
		kong.NamedMapper("redisurl", parser[string]{redisURL, "redis:// or rediss://USER:PASSWORD@HOST:6379/0, with ?addr=HOST:PORT for a Cluster or ?master_name=NAME for a Sentinel, and special characters of the password percent-encoded"}),
		kong.NamedMapper("smtpurl", parser[*url.URL]{smtpURL, "smtp://HOST:587 or smtps://USER:PASSWORD@HOST:465, with special characters of the password percent-encoded"}),
		kong.NamedMapper("mailfrom", parser[mail.Address]{mailFrom, "one address such as Roster <no-reply@example.com>"}),
		kong.NamedMapper("origins", parser[[]string]{list(origin), "exact origins such as https://console.example.com, comma-separated and without a path, since * and null let anybody in"}),
		kong.NamedMapper("secretkeys", parser[[][]byte]{list(secretKey), "32 random bytes in base64, made by openssl rand -base64 32; several for rotation are comma-separated"}),
		kong.NamedMapper("email", parser[string]{email, "one e-mail address such as ann@example.com"}),
		kong.NamedMapper("secret", parser[string]{secret, "text in UTF-8"}),
		kong.NamedMapper("proxies", parser[[]netip.Prefix]{list(proxy), "addresses or networks such as 10.0.0.0/8, comma-separated, of your own proxies only"}),
		kong.NamedMapper("switch", parser[bool]{choice(map[string]bool{"on": true, "off": false}), "on or off"}),
		kong.NamedMapper("level", parser[slog.Level]{choice(map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}), "debug, info, warn or error"}),
		kong.NamedMapper("format", parser[string]{choice(map[string]string{"text": "text", "json": "json"}), "text or json"}),
		kong.NamedMapper("count", bounded[int]{strconv.Atoi, "a whole number"}),
		kong.NamedMapper("ttl", bounded[time.Duration]{time.ParseDuration, "a duration such as 36h,"}),
	}
}

// parser reads one value. What it takes is the rest of "set it to …".
type parser[T any] struct {
	parse func(text string) (value T, ok bool)
	takes string
}

func (p parser[T]) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("value")
	if err != nil {
		return err
	}
	text := token.String() // PopValueInto would mend what is not UTF-8.
	value, ok := p.parse(text)
	if !ok {
		return wrong(ctx.Value, text, p.takes)
	}
	target.Set(reflect.ValueOf(value))
	return nil
}

// bounded reads one value that lies between the tags min and max.
type bounded[T cmp.Ordered] struct {
	parse func(text string) (T, error)
	takes string
}

func (b bounded[T]) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	least, most := ctx.Value.Tag.Get("min"), ctx.Value.Tag.Get("max")
	within := func(text string) (T, bool) {
		value, err := b.parse(text)
		lower, errLower := b.parse(least)
		upper, errUpper := b.parse(most)
		return value, cmp.Or(err, errLower, errUpper) == nil && lower <= value && value <= upper
	}
	return parser[T]{within, fmt.Sprintf("%s from %s to %s", b.takes, least, most)}.Decode(ctx, target)
}

// mistake is the sentence about one variable or flag.
type mistake string

func (m mistake) Error() string { return string(m) }

// wrong says what is set and what to set instead. Secrets are left out, also
// where somebody mistook one variable for another.
func wrong(value *kong.Value, text, takes string) mistake {
	name := value.ShortSummary()
	if value.Flag != nil && len(value.Flag.Envs) > 0 {
		name = value.Flag.Envs[0]
	}
	if value.Flag != nil && value.Flag.Hidden || strings.Contains(text, "://") && strings.Contains(text, "@") {
		return mistake(fmt.Sprintf("%s can't be used: set it to %s.", name, takes))
	}
	return mistake(fmt.Sprintf("%s is %.60q: set it to %s.", name, text, takes))
}

func choice[T any](choices map[string]T) func(string) (T, bool) {
	return func(text string) (T, bool) {
		value, ok := choices[strings.ToLower(text)]
		return value, ok
	}
}

// list reads several values between commas, none of them empty.
func list[T any](one func(string) (T, bool)) func(string) ([]T, bool) {
	return func(text string) ([]T, bool) {
		var values []T
		for part := range strings.SplitSeq(text, ",") {
			value, ok := one(strings.TrimSpace(part))
			if !ok {
				return nil, false
			}
			values = append(values, value)
		}
		return values, true
	}
}

func addr(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	return text, err == nil && (host == "" || isHost(host)) && (port == "0" || isPort(port))
}

func dir(text string) (string, bool) {
	return text, text != "" && !strings.ContainsRune(text, 0)
}

func publicURL(text string) (*url.URL, bool) {
	return webURL(strings.TrimRight(text, "/"))
}

func origin(text string) (string, bool) {
	u, ok := webURL(text)
	if !ok || u.Path != "" {
		return "", false
	}
	return u.String(), true
}

// webURL reads the URL of a site, and spells its origin as browsers do.
func webURL(text string) (*url.URL, bool) {
	u, ok := hostURL(text, "http", "https")
	if !ok || u.User != nil || strings.Contains(text, "?") {
		return nil, false
	}
	u.Host = strings.ToLower(u.Host)
	u.Host = strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	return u, true
}

// collector reads the URL of a collector, which may have a path.
func collector(text string) (*url.URL, bool) {
	u, ok := hostURL(text, "http", "https")
	return u, ok && !strings.Contains(text, "?")
}

func smtpURL(text string) (*url.URL, bool) {
	u, ok := hostURL(text, "smtp", "smtps")
	if !ok || u.Path != "" || strings.Contains(text, "?") {
		return nil, false
	}
	if password, _ := u.User.Password(); u.User != nil && (u.User.Username() == "" || password == "") {
		return nil, false
	}
	if u.Port() == "" {
		u.Host += map[string]string{"smtp": ":587", "smtps": ":465"}[u.Scheme] // RFC 6409, RFC 8314
	}
	return u, true
}

func redisURL(text string) (string, bool) {
	u, ok := hostURL(text, "redis", "rediss")
	if !ok {
		return "", false
	}
	var err error
	switch query := u.Query(); {
	case query.Get("master_name") != "":
		_, err = redis.ParseFailoverURL(text)
	case query.Has("addr"):
		_, err = redis.ParseClusterURL(text)
	default:
		_, err = redis.ParseURL(text)
	}
	return text, err == nil
}

// mongoDBURI can't be parsed by net/url, since it may have several hosts, nor
// by the driver, which asks DNS about mongodb+srv and judges the options later.
func mongoDBURI(text string) (string, bool) {
	return text, mongoDBPattern.MatchString(text)
}

var mongoDBPattern = func() *regexp.Regexp {
	const host = `(\[[0-9A-Fa-f:.]+\]|[^\s/?#@,:\[\]]+)(:\d{1,5})?`
	return regexp.MustCompile(`^(mongodb://([^\s/?#@]+@)?` + host + `(,` + host + `)*|mongodb\+srv://([^\s/?#@]+@)?[^\s/?#@,:]+)(/[^\s/?#]*(\?[^\s#]*)?)?$`)
}()

// hostURL reads SCHEME://[USER:PASSWORD@]HOST[:PORT][/PATH][?QUERY].
func hostURL(text string, schemes ...string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "#") || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()) || strings.HasSuffix(u.Host, ":") {
		return nil, false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return u, true
		}
	}
	return nil, false
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || hostName.MatchString(text)
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// email leaves it to the directory what an address is.
func email(text string) (string, bool) {
	found := directory.ParseAddresses([]string{text})
	return text, len(found) == 1 && found[0].Email == text
}

// mailFrom takes no address that some mail servers can't come from: letters
// beyond ASCII before the @.
func mailFrom(text string) (mail.Address, bool) {
	from, err := mail.ParseAddress(text)
	if err != nil {
		return mail.Address{}, false
	}
	_, valid := email(from.Address)
	local, _, _ := strings.Cut(from.Address, "@")
	valid = valid && !strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII })
	name, refused := directory.CleanText(from.Name, "")
	return *from, valid && refused == nil && name == from.Name
}

func secret(text string) (string, bool) { return text, utf8.ValidString(text) }

// proxy reads a network or an address. One that holds everybody would let
// everybody choose the address they seem to come from.
func proxy(text string) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(text)
	if address, errAddress := netip.ParseAddr(text); errAddress == nil && address.Zone() == "" {
		prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	return prefix.Masked(), err == nil && prefix.Bits() > 0 && !prefix.Addr().Is4In6()
}
