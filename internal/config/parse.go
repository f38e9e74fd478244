package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
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
	Demo bool `xor:"fill" help:"First fill an empty SQLite store with an organization of 60 people, and print credentials that work."`
	// Seed is how many generated people fill an empty store first; 0, none.
	Seed int `xor:"fill" type:"count" min:"1" max:"1000000" placeholder:"N" help:"First fill an empty store with N generated people, at most a million."`
}

// AddOrganization adds an organization with its first administrator.
type AddOrganization struct {
	// Name is as typed; the directory judges it and the slug.
	Name string `arg:"" help:"Name, such as \"Acme\"."`
	// Admin is one bare e-mail address.
	Admin string `required:"" type:"email" placeholder:"EMAIL" help:"E-mail address of the new organization's first administrator."`
	// Slug is empty when it is to be made of the name.
	Slug string `placeholder:"SLUG" help:"Short name of the new organization; without it, made of the name: acme."`
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
	Serve
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
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { helped = true }),
		kong.Help(printHelp),
		kong.Bind(env),
		kong.Resolvers(env),
	)...)
	if err != nil {
		return Invocation{}, fmt.Errorf("build the command line: %w", err)
	}
	for _, flag := range k.Model.Flags {
		flag.Tag.Envs = nil // kong would ask os about these; flag.Envs stays, for env.
		if len(flag.Envs) > 0 {
			flag.Name = strings.ToLower(strings.ReplaceAll(flag.Envs[0], "_", "-"))
		}
	}

	ctx, err := k.Parse(args)
	var refused mistake
	switch {
	case helped:
		return Invocation{Command: HelpPrinted{}}, nil
	case errors.As(err, &refused):
		return Invocation{}, refused
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

	adding := ctx.Selected().Name == "add"
	switch {
	case adding && (g.Demo || g.Seed > 0):
		return Invocation{}, mistake("--demo and --seed fill the store before serving: leave them out of organization add.")
	case adding:
		return Invocation{Command: g.Organization.Add, Config: g.Config}, nil
	case g.Demo && g.Services():
		return Invocation{}, mistake("--demo fills the embedded store only: unset MONGODB_URI and REDIS_URL, or use --seed.")
	}
	return Invocation{Command: g.Serve, Config: g.Config}, nil
}

// printHelp prints everything there is on one page, whichever the command.
func printHelp(_ kong.HelpOptions, ctx *kong.Context) error {
	var commands, flags, variables strings.Builder
	all := slices.Clone(ctx.Model.Flags)
	for _, command := range ctx.Model.Leaves(true) {
		fmt.Fprintf(&commands, "  %s %s\n      %s\n", ctx.Model.Name, command.Summary(), command.Help)
		all = append(all, command.Flags...)
	}
	for _, flag := range all {
		if len(flag.Envs) == 0 {
			fmt.Fprintf(&flags, "  %s\n      %s\n", flag, flag.Help)
			continue
		}
		fmt.Fprintf(&variables, "  %s", flag.Envs[0])
		if !flag.Hidden {
			fmt.Fprintf(&variables, ", --%s", flag.Name)
		}
		if flag.HasDefault {
			fmt.Fprintf(&variables, " (default %s)", flag.Default)
		}
		if flag.Tag.Has("min") {
			fmt.Fprintf(&variables, " (%s to %s)", flag.Tag.Get("min"), flag.Tag.Get("max"))
		}
		fmt.Fprintf(&variables, "\n      %s\n", flag.Help)
	}
	_, err := fmt.Fprintf(ctx.Stdout, `Roster: who in an organization may get into a product, as a GraphQL service.

Commands:
%s
Flags:
%s
Variables, in the environment or the --env-file:
%s`, commands.String(), flags.String(), variables.String())
	return err
}
