package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Invocation is one start of the program.
type Invocation struct {
	// Command is a Serve, an AddOrganization or a HelpPrinted.
	Command Command
	// Config is complete and valid, except with HelpPrinted.
	Config Config
}

// Command is what the program is asked to do.
type Command interface{ command() }

// Serve runs the server until it is told to stop. At most one of its fields is set.
type Serve struct {
	// Demo fills an empty embedded store with a believable organization.
	Demo bool `xor:"fill" help:"First fill an empty embedded store with an organization of 60 people, and print credentials."`
	// Seed is how many generated people fill an empty store first; 0, none.
	Seed int `xor:"fill" type:"count" min:"1" max:"1000000" placeholder:"N" help:"First fill an empty store with that many generated people."`
}

// AddOrganization adds an organization with its first administrator.
type AddOrganization struct {
	// Name is as typed; the directory judges it and the slug.
	Name string `arg:"" help:"Name, such as \"Acme\"."`
	// Admin is one bare e-mail address.
	Admin string `required:"" type:"email" placeholder:"EMAIL" help:"E-mail address of its first administrator."`
	// Slug is empty when it is to be made of the name.
	Slug string `placeholder:"SLUG" help:"Short name in addresses, made of the name without one."`
}

// HelpPrinted leaves nothing to do: --help was asked for and answered.
type HelpPrinted struct{}

func (Serve) command()           {}
func (AddOrganization) command() {}
func (HelpPrinted) command()     {}

// grammar is the whole command line. Serve's flags stand at the top, so that
// --help lists them without the command.
type grammar struct {
	Config
	Serve   `group:"Filling an empty store:"`
	EnvFile envFile `placeholder:"FILE" help:"Read variables from FILE, one NAME=value a line; the environment wins over it."`

	Run struct{} `cmd:"" name:"serve" default:"1" help:"Serve until told to stop; the default."`

	Organization struct {
		Add AddOrganization `cmd:"" help:"Add an organization with its first administrator, and log the link to set the password."`
	} `cmd:"" help:"Organizations."`
}

// Parse reads args (without the program's name) and environ (as of os.Environ).
// Flags win over the environment, the environment over --env-file; an empty
// variable counts as not set, and one it does not know is ignored. --help goes
// to stdout. Nothing outside is read but the --env-file. An error is one
// line, a sentence for the operator, and holds no secret.
func Parse(args, environ []string, stdout io.Writer) (Invocation, error) {
	var g grammar
	var helped bool
	env := newEnvironment(environ)
	k, err := kong.New(&g, append(parsers(),
		kong.Name("roster"),
		kong.Description("A GraphQL service over the people of an organization who may get into a product. Everything below can be set by the variable in parentheses, too."),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { helped = true }),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}),
		kong.ValueFormatter(describe),
		kong.Bind(env),
		kong.Resolvers(env),
	)...)
	if err != nil {
		return Invocation{}, fmt.Errorf("build the command line: %w", err)
	}
	for _, flag := range k.Model.Flags {
		flag.Tag.Envs = nil // flag.Envs stays, for env; kong itself would ask os.
	}

	ctx, err := k.Parse(args)
	var wrong mistake
	switch {
	case helped:
		return Invocation{Command: HelpPrinted{}}, nil
	case errors.As(err, &wrong):
		return Invocation{}, wrong
	case err != nil:
		return Invocation{}, mistake(strings.Join(strings.Fields(err.Error()), " ") + ": see roster --help.")
	}
	for _, step := range ctx.Path {
		if step.Flag != nil && step.Flag.Hidden && !step.Resolved {
			return Invocation{}, mistake(fmt.Sprintf("%s has no flag, since every user of the machine sees the command line: set the variable, or put it into the --env-file.", step.Flag.Envs[0]))
		}
	}
	if err := g.Config.check(); err != nil {
		return Invocation{}, err
	}

	filling := g.Demo || g.Seed > 0
	switch {
	case ctx.Selected().Name == "add" && filling:
		return Invocation{}, mistake("--demo and --seed fill the store before serving: leave them out of organization add.")
	case ctx.Selected().Name == "add":
		return Invocation{Command: g.Organization.Add, Config: g.Config}, nil
	case g.Demo && g.Services():
		return Invocation{}, mistake("--demo fills the embedded store only: unset MONGODB_URI and REDIS_URL, or use --seed.")
	}
	return Invocation{Command: g.Serve, Config: g.Config}, nil
}

// describe adds to a flag's help what its tags say: default, bounds, variable.
func describe(value *kong.Value) string {
	if value.Flag == nil {
		return value.Help
	}
	var notes []string
	if value.Tag.Has("min") {
		notes = append(notes, value.Tag.Get("min")+" to "+value.Tag.Get("max"))
	}
	if value.HasDefault {
		notes = append(notes, "default "+value.Default)
	}
	notes = append(notes, value.Flag.Envs...)
	if notes == nil {
		return value.Help
	}
	return strings.TrimSuffix(value.Help, ".") + " (" + strings.Join(notes, "; ") + ")."
}

// printHelp is kong's help, and the variables that have no flag.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	var secrets strings.Builder
	for _, flag := range ctx.Model.Flags {
		if flag.Hidden {
			fmt.Fprintf(&secrets, "\n  %s\n      %s\n", flag.Envs[0], flag.Help)
		}
	}
	_, err := fmt.Fprintf(ctx.Stdout, "\nVariables without a flag, since they may hold secrets:\n%s", secrets.String())
	return err
}
