package config_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"roster/internal/config"
)

func TestCommandLine(t *testing.T) {
	acme := config.AddOrganization{Name: "Acme", Admin: "ops@acme.example"}
	for name, c := range map[string]struct {
		args []string
		want config.Command
	}{
		"nothing serves":                     {nil, config.Serve{}},
		"serve serves":                       {[]string{"serve"}, config.Serve{}},
		"--demo fills with a demonstration":  {[]string{"--demo"}, config.Serve{Demo: true}},
		"--seed fills with generated people": {[]string{"--seed", "100000"}, config.Serve{Seed: 100_000}},
		"flags may follow serve":             {[]string{"serve", "--seed=1"}, config.Serve{Seed: 1}},
		"organization add needs a name and an administrator": {
			[]string{"organization", "add", "Acme", "--admin", "ops@acme.example"}, acme},
		"its flags may stand before the name": {
			[]string{"organization", "add", "--admin=ops@acme.example", "Acme"}, acme},
		"organization add takes a slug": {
			[]string{"organization", "add", "Acme", "--admin", "ops@acme.example", "--slug", "the-acme"},
			config.AddOrganization{Name: "Acme", Admin: "ops@acme.example", Slug: "the-acme"}},
		"--help before a command": {[]string{"--help", "organization", "add"}, config.HelpPrinted{}},
		"--help after a command":  {[]string{"organization", "add", "--help"}, config.HelpPrinted{}},
		"-h":                      {[]string{"-h"}, config.HelpPrinted{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse(c.args, nil, io.Discard)
			if err != nil || got.Command != c.want {
				t.Errorf("got %#v, %v, want %#v", got.Command, err, c.want)
			}
		})
	}
}

func TestAMistakeOnTheCommandLineIsOneSentence(t *testing.T) {
	services := []string{"MONGODB_URI=" + mongoDBURI, "REDIS_URL=" + redisURL, "SECRET_KEY=" + key}
	for _, c := range []struct {
		args    string
		environ []string
		want    string
	}{
		{"--dmeo", nil, `unknown flag --dmeo, did you mean "--demo"?: see roster --help.`},
		{"sevre", nil, `unexpected argument sevre, did you mean "serve"?: see roster --help.`},
		{"organization", nil, `expected "add": see roster --help.`},
		{"organization add --admin a@x.example", nil, `expected "<name>": see roster --help.`},
		{"organization add Acme", nil, "missing flags: --admin=EMAIL: see roster --help."},
		{"organization add Acme --admin ops", nil, `--admin is "ops": set it to one e-mail address such as ann@example.com.`},
		{"organization add Acme --admin a@x.example --seed 5", nil, "--demo and --seed fill the store before serving: leave them out of organization add."},
		{"--demo organization add Acme --admin a@x.example", nil, "--demo and --seed fill the store before serving: leave them out of organization add."},
		{"--demo --seed 5", nil, "--demo and --seed can't be used together: see roster --help."},
		{"--demo", services, "--demo fills the embedded store only: unset MONGODB_URI and REDIS_URL, or use --seed."},
		{"--seed 0", nil, `--seed is "0": set it to a whole number from 1 to 1000000.`},
		{"--seed many", nil, `--seed is "many": set it to a whole number from 1 to 1000000.`},
		{"--addr=", nil, `ADDR is "": set it to host:port such as localhost:8080, or :8080 for every interface.`},
		{"--data-dir=", nil, `DATA_DIR is "": set it to a directory such as ./data.`},
		{"--secret-key " + key, nil, "SECRET_KEY has no flag, since every user of the machine sees the command line: set the variable, or put it into the --env-file."},
		{"--redis-url " + redisURL, services[:1], "REDIS_URL has no flag, since every user of the machine sees the command line: set the variable, or put it into the --env-file."},
	} {
		t.Run(c.args, func(t *testing.T) {
			_, err := config.Parse(strings.Fields(c.args), c.environ, io.Discard)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("--seed fills the services' store", func(t *testing.T) {
		if _, err := config.Parse([]string{"--seed", "5"}, services, io.Discard); err != nil {
			t.Error(err)
		}
	})
}

func TestAFlagWinsOverTheEnvironmentAndTheEnvironmentOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roster.env")
	content := "# the whole of it\nexport ADDR=:1 # first\nLOG_FORMAT='json'\nGRAPHIQL: \"off\"\nPORT=x\nADRR=:3\nBOOTSTRAP_ADMIN_PASSWORD='a $PASSWORD with spaces'\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	addsAcme := []string{"organization", "add", "Acme", "--admin", "ops@acme.example"}
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"nothing but the default":                {nil, nil, "localhost:8080"},
		"the file before the command":            {append([]string{"--env-file", file}, addsAcme...), nil, ":1"},
		"the file after the command":             {append(addsAcme, "--env-file="+file), nil, ":1"},
		"the environment over the file":          {[]string{"--env-file", file}, []string{"ADDR=:2"}, ":2"},
		"an empty variable is as good as none":   {[]string{"--env-file", file}, []string{"ADDR="}, ":1"},
		"empty everywhere is the default":        {nil, []string{"ADDR="}, "localhost:8080"},
		"a flag over the environment":            {[]string{"--addr", ":3"}, []string{"ADDR=:2"}, ":3"},
		"a flag over the file":                   {[]string{"--addr", ":3", "--env-file", file}, nil, ":3"},
		"a flag over a mistake beside it":        {[]string{"--addr", ":3"}, []string{"ADDR=nonsense"}, ":3"},
		"the last of several in the environment": {nil, []string{"ADDR=:2", "ADDR=:4"}, ":4"},
		"variables of others mean nothing":       {nil, []string{"PORT=x", "HOST", "=C:=C:\\", ""}, "localhost:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse(c.args, c.environ, io.Discard)
			if err != nil || got.Config.Addr != c.want {
				t.Errorf("got %q, %v, want %q", got.Config.Addr, err, c.want)
			}
		})
	}
	t.Run("quotes, comments and colons", func(t *testing.T) {
		got, err := config.Parse([]string{"--env-file", file}, nil, io.Discard)
		want := defaults()
		want.Addr, want.LogFormat, want.GraphiQL, want.BootstrapAdminPassword = ":1", "json", false, "a $PASSWORD with spaces"
		if d := diff(want, got.Config); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}

func TestOnlyTheEnvironmentGivenCounts(t *testing.T) {
	t.Setenv("ADDR", ":1")
	got, err := config.Parse(nil, nil, io.Discard)
	if err != nil || got.Config.Addr != "localhost:8080" {
		t.Errorf("got %q, %v", got.Config.Addr, err)
	}
}

func TestAnEnvFileThatCanNotBeReadStopsTheStart(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("directory", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"missing":   {"", `--env-file "missing" can't be read (no such file or directory): name a file of NAME=value lines.`},
		"directory": {"", `--env-file "directory" can't be read (is a directory): name a file of NAME=value lines.`},
		"no-equals": {"canary", `--env-file "no-equals" is malformed: write one NAME=value a line, with quotes closed and comments after #.`},
		"two-lines": {"canary\nADDR=:1", `--env-file "two-lines" is malformed: write one NAME=value a line, with quotes closed and comments after #.`},
		"two-words": {"SECRET KEY=canary", `--env-file "two-words" is malformed: write one NAME=value a line, with quotes closed and comments after #.`},
		"quote":     {"SECRET_KEY=\"canary\nADDR=:1", `--env-file "quote" is malformed: write one NAME=value a line, with quotes closed and comments after #.`},
		"mistake":   {"SECRET_KEY=canary", secretKey},
	} {
		t.Run(name, func(t *testing.T) {
			if c.content != "" {
				if err := os.WriteFile(name, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := config.Parse([]string{"--env-file", name}, nil, io.Discard)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestHelpListsEveryVariableWithItsDefault(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"organization", "add", "--help"}} {
		var help bytes.Buffer
		// What is wrong elsewhere does not keep anybody from reading it.
		if _, err := config.Parse(args, []string{"ADDR=nonsense"}, &help); err != nil {
			t.Fatal(err)
		}
		for _, variable := range variables {
			if !strings.Contains(help.String(), "\n  "+variable.name) {
				t.Errorf("%v does not list %s", args, variable.name)
			}
		}
		for _, text := range []string{
			"roster serve", "roster organization add --admin=EMAIL <name>", "--slug", "--demo", "--seed=N", "--env-file=FILE",
			"ADDR, --addr (default localhost:8080)", "SEAT_LIMIT, --seat-limit (default 25) (0 to 50000)", "\n  SECRET_KEY\n",
		} {
			if !strings.Contains(help.String(), text) {
				t.Errorf("%v does not show %q", args, text)
			}
		}
	}
}

// FuzzParse sets one variable to anything, with a secret in it where the
// variable may hold one.
func FuzzParse(f *testing.F) {
	const canary = "cAnArY9"
	secrets := map[string]bool{"MONGODB_URI": true, "REDIS_URL": true, "SMTP_URL": true, "SECRET_KEY": true, "BOOTSTRAP_ADMIN_PASSWORD": true}
	for i, variable := range variables {
		for value := range variable.wrong {
			f.Add(i, value, "")
		}
		for value := range variable.right {
			f.Add(i, value, "")
		}
		f.Add(i, "smtp://ann:", "@localhost")
	}
	f.Fuzz(func(t *testing.T, i int, before, after string) {
		variable := variables[uint(i)%uint(len(variables))].name
		value := before + after
		if secrets[variable] {
			value = before + canary + after
		}
		for _, environ := range [][]string{
			{variable + "=" + value},
			{"MONGODB_URI=" + mongoDBURI, "REDIS_URL=" + redisURL, "SECRET_KEY=" + key, variable + "=" + value},
		} {
			got, err := config.Parse(nil, environ, io.Discard)
			if err == nil {
				if got.Command != (config.Serve{}) {
					t.Errorf("%q changed the command to %#v", environ, got.Command)
				}
				continue
			}
			sentence := err.Error()
			if strings.ContainsAny(sentence, "\r\n\u0085\u2028\u2029") || !strings.HasSuffix(sentence, ".") {
				t.Errorf("not one line: %q", sentence)
			}
			if strings.Contains(sentence, canary) {
				t.Errorf("it holds the secret: %q", sentence)
			}
			if !strings.Contains(sentence, variable) {
				t.Errorf("it does not name %s: %q", variable, sentence)
			}
		}
	})
}
