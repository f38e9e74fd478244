package mail

import (
	"flag"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files in testdata instead of comparing with them")

var (
	kinds = []Kind{Invitation, InvitationRenewed, PasswordReset, PasswordChanged,
		TwoFactorEnabled, TwoFactorDisabled, RecoveryCodeUsed, AccountReactivated}
	noon    = time.Date(2026, time.October, 2, 12, 0, 59, 0, time.UTC)
	fromUs  = netmail.Address{Name: "Roster", Address: "no-reply@roster.example"}
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
)

// sample is what a caller would pass for this kind.
func sample(kind Kind) Content {
	c := Content{
		Organization:   "Acme & Sons",
		RecipientName:  "Ann Lee",
		RecipientEmail: "ann@example.com",
		Link:           "https://roster.example/sign-in",
		OccurredAt:     noon,
		IP:             "203.0.113.7",
		UserAgent:      firefox,
	}
	switch kind {
	case Invitation, InvitationRenewed:
		c.ActorName, c.RoleName, c.RecipientName = "Maria López", "Customer Success Manager", ""
		c.Link = "https://roster.example/accept-invitation#token=" + token
		c.ExpiresAt, c.ValidFor = noon.Add(7*24*time.Hour), 7*24*time.Hour
	case PasswordReset:
		c.Link = "https://roster.example/reset-password#token=" + token
		c.ExpiresAt, c.ValidFor = noon.Add(24*time.Hour), 24*time.Hour
	case TwoFactorDisabled, AccountReactivated:
		c.ActorName = "Maria López"
	case RecoveryCodeUsed:
		c.RecoveryCodesLeft = 2
	}
	return c
}

const token = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"

func compose(t *testing.T, kind Kind, change func(*Content)) Message {
	t.Helper()
	c := sample(kind)
	if change != nil {
		change(&c)
	}
	m, err := Compose(kind, c)
	noError(t, err)
	return m
}

func TestMailsAsTheyAre(t *testing.T) {
	for _, kind := range kinds {
		t.Run("the "+string(kind)+" mail reads as it did when somebody last looked at it", func(t *testing.T) {
			m := compose(t, kind, nil)
			golden(t, string(kind)+".txt", "To: "+m.To.String()+"\nSubject: "+m.Subject+"\n\n"+m.Text)
			golden(t, string(kind)+".html", m.HTML)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		noError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	noError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is different; if it is better, run go test -update:\n%s", name, diff)
	}
}

func TestWhatMailsSay(t *testing.T) {
	t.Run("a link stands whole on a line of its own in the text, and in the button and under it in the HTML", func(t *testing.T) {
		for _, kind := range []Kind{Invitation, InvitationRenewed, PasswordReset} {
			m := compose(t, kind, func(c *Content) {
				c.Link = "https://a-rather-long-host-name.of-a-customer.example/roster/accept-invitation?x=1&y=2#token=" + token
			})
			contains(t, m.Text, "\n"+m.Link+"\n")
			equal(t, 3, strings.Count(m.HTML, strings.ReplaceAll(m.Link, "&", "&amp;")))
			contains(t, m.Link, token)
		}
	})
	t.Run("a link's end is told in words and as an absolute time that is never too late", func(t *testing.T) {
		m := compose(t, Invitation, nil)
		contains(t, strings.ReplaceAll(m.Text, "\n", " "), "for 7 days: until Friday, 9 October 2026, 12:00 UTC.")
		m = compose(t, PasswordReset, func(c *Content) { c.ExpiresAt = c.ExpiresAt.In(time.FixedZone("", -9*3600)) })
		contains(t, strings.ReplaceAll(m.Text, "\n", " "), "for 24 hours: until Saturday, 3 October 2026, 12:00 UTC.")
	})
	t.Run("a reset says that the current password keeps working", func(t *testing.T) {
		m := compose(t, PasswordReset, nil)
		contains(t, strings.ReplaceAll(m.Text, "\n", " "), "your current one keeps working")
		contains(t, m.HTML, "your current one keeps working")
	})
	t.Run("a notice says when, from where, and what to do", func(t *testing.T) {
		for _, kind := range []Kind{PasswordChanged, TwoFactorEnabled, TwoFactorDisabled, RecoveryCodeUsed} {
			m := compose(t, kind, func(c *Content) { c.ActorName = "" })
			for _, body := range []string{m.Text, m.HTML} {
				for _, want := range []string{"Friday, 2 October 2026, 12:00 UTC", "203.0.113.7", "Firefox on Linux", "Was this not you?", "administrator"} {
					contains(t, body, want)
				}
			}
		}
	})
	t.Run("where an administrator sits is not told", func(t *testing.T) {
		for _, kind := range kinds {
			m := compose(t, kind, func(c *Content) { c.ActorName = "Maria" })
			lacks(t, m.Text+m.HTML, "203.0.113.7")
			lacks(t, m.Text+m.HTML, "Firefox")
		}
	})
	t.Run("what is not known leaves no hole", func(t *testing.T) {
		for _, kind := range kinds {
			m := compose(t, kind, func(c *Content) {
				c.RecipientName, c.ActorName, c.RoleName, c.IP, c.UserAgent, c.ValidFor = "", "", "", "", "", 0
				if !needs[kind].link {
					c.Link = ""
				}
				if !needs[kind].occurrence {
					c.OccurredAt = time.Time{}
				}
			})
			for _, body := range []string{m.Subject, m.Text, m.HTML} {
				lacks(t, body, "<no value>")
				lacks(t, body, "0001")
				matchesNothing(t, `href=""|<strong></strong>|\w {2,}\w| [,.:](\s|$)|\n\n\n`, body)
			}
			isTrue(t, strings.HasPrefix(m.Text, "Hello,\n"), "a greeting without a name")
		}
	})
	t.Run("the count of recovery codes is grammatical", func(t *testing.T) {
		for left, want := range map[int]string{0: "No recovery codes are left.", 1: "1 recovery code is left.", 9: "9 recovery codes are left."} {
			m := compose(t, RecoveryCodeUsed, func(c *Content) { c.RecoveryCodesLeft = left })
			contains(t, strings.ReplaceAll(m.Text, "\n", " "), want)
			contains(t, m.HTML, want)
		}
	})
	t.Run("durations are said as people say them", func(t *testing.T) {
		for d, want := range map[time.Duration]string{
			168 * time.Hour: "7 days", 24 * time.Hour: "24 hours", 48 * time.Hour: "2 days", 100 * time.Hour: "100 hours",
			time.Hour: "1 hour", 90 * time.Minute: "90 minutes", time.Minute: "1 minute", time.Second: "",
		} {
			equal(t, want, spoken(d))
		}
	})
	t.Run("lines fit a mail reader", func(t *testing.T) {
		for _, kind := range kinds {
			m := compose(t, kind, func(c *Content) { c.Organization = strings.Repeat("W ", 200) })
			for _, line := range strings.Split(m.Text, "\n") {
				if !strings.HasPrefix(line, "https://") && !strings.HasPrefix(line, "Sent to") {
					isTrue(t, utf8.RuneCountInString(line) <= textWidth, line)
				}
			}
			for _, line := range strings.Split(m.HTML, "\n") {
				isTrue(t, len(line) < 998, "RFC 5322, 2.1.1")
			}
		}
	})
	t.Run("the HTML asks nothing of the network", func(t *testing.T) {
		for _, kind := range kinds {
			m := compose(t, kind, nil)
			matchesNothing(t, `(?i)<(img|script|link|iframe|object)|@import|url\(|src=`, m.HTML)
			for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(m.HTML, -1) {
				equal(t, m.Link, href[1])
			}
		}
	})
	t.Run("the same content makes the same mail", func(t *testing.T) {
		equal(t, compose(t, Invitation, nil), compose(t, Invitation, nil))
	})
}

func TestComposeRefusesForGood(t *testing.T) {
	for name, c := range map[string]struct {
		kind   Kind
		change func(*Content)
	}{
		"an unknown kind":                       {"newsletter", func(*Content) {}},
		"no organization":                       {Invitation, func(c *Content) { c.Organization = " \n " }},
		"no recipient":                          {Invitation, func(c *Content) { c.RecipientEmail = "" }},
		"a recipient with a name":               {Invitation, func(c *Content) { c.RecipientEmail = "Ann <ann@example.com>" }},
		"two recipients":                        {Invitation, func(c *Content) { c.RecipientEmail = "ann@example.com, eve@evil.test" }},
		"a recipient with a header after it":    {Invitation, func(c *Content) { c.RecipientEmail = "ann@example.com\r\nBcc: eve@evil.test" }},
		"a recipient with a folded header":      {Invitation, func(c *Content) { c.RecipientEmail = "ann@example.com\r\n Bcc:eve@evil.test" }},
		"a recipient with a NUL":                {Invitation, func(c *Content) { c.RecipientEmail = "ann@exam\x00ple.com" }},
		"a recipient with a quoted local part":  {Invitation, func(c *Content) { c.RecipientEmail = "\"ann\r\n\"@example.com" }},
		"an invitation without a link":          {Invitation, func(c *Content) { c.Link = "" }},
		"a reset without an end":                {PasswordReset, func(c *Content) { c.ExpiresAt = time.Time{} }},
		"a script for a link":                   {Invitation, func(c *Content) { c.Link = "javascript:alert(1)" }},
		"a link without a host":                 {Invitation, func(c *Content) { c.Link = "https:///accept-invitation" }},
		"a link relative to nothing":            {Invitation, func(c *Content) { c.Link = "//evil.test/x" }},
		"a link with a user before the host":    {Invitation, func(c *Content) { c.Link = "https://roster.example@evil.test/" }},
		"a link with a line break":              {Invitation, func(c *Content) { c.Link = "https://roster.example/\nx" }},
		"a link with a space":                   {Invitation, func(c *Content) { c.Link = "https://roster.example/a b" }},
		"a hostile link in a notice":            {PasswordChanged, func(c *Content) { c.Link = "javascript:alert(1)" }},
		"a notice of something that never was":  {PasswordChanged, func(c *Content) { c.OccurredAt = time.Time{} }},
		"a reactivation that was at no time":    {AccountReactivated, func(c *Content) { c.OccurredAt = time.Time{} }},
		"a recipient that is not text":          {Invitation, func(c *Content) { c.RecipientEmail = "ann\xff@example.com" }},
		"a recipient with an invisible reverse": {Invitation, func(c *Content) { c.RecipientEmail = "ann\u202e@example.com" }},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			content := sample(c.kind)
			c.change(&content)
			m, err := Compose(c.kind, content)
			isTrue(t, IsPermanent(err), "refused for good")
			equal(t, Message{}, m)
		})
	}
}

func TestDevice(t *testing.T) {
	for agent, want := range map[string]string{
		firefox: "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                   "Safari on a Mac",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari on an iPhone",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":     "Samsung Internet on Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                          "Chrome on ChromeOS",
		"curl/8.5.0":              "curl/8.5.0",
		"x\r\ny":                  "x y",
		"":                        "",
		strings.Repeat("a", 1000): strings.Repeat("a", 79) + "…",
	} {
		t.Run("a user agent is told as "+want, func(t *testing.T) { equal(t, want, device(agent)) })
	}
}
