package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
)

// environment is the variables by name. It answers kong in place of os, and
// an empty variable as if it were not there.
type environment map[string]string

func newEnvironment(environ []string) environment {
	env := environment{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}

// Validate has nothing to refuse: unknown variables belong to others.
func (env environment) Validate(*kong.Application) error { return nil }

// Resolve is called for every flag that the command line does not have.
func (env environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if value := env[name]; value != "" {
			return value, nil
		}
	}
	return nil, nil
}

// envFile is a file of NAME=value lines. Values may be quoted; $NAME stands for
// a variable above it, except in single quotes.
type envFile string

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// BeforeResolve adds what the file holds to what the environment does not.
func (envFile) BeforeResolve(env environment, ctx *kong.Context, path *kong.Path) error {
	name := ctx.FlagValue(path.Flag).(envFile)
	content, err := os.ReadFile(string(name)) // #nosec G304 -- the operator names it
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return mistake(fmt.Sprintf("--env-file %q can't be read (%v): name a file of NAME=value lines.", name, err))
	}
	variables, err := godotenv.UnmarshalBytes(content)
	// A line without = is a variable of a strange name to godotenv, and its
	// errors repeat the line, which may be a secret.
	for variable := range variables {
		if !variableName.MatchString(variable) {
			err = errors.New("not a name")
		}
	}
	if err != nil {
		return mistake(fmt.Sprintf("--env-file %q is malformed: write one NAME=value a line, with quotes closed and comments after #.", name))
	}
	for variable, value := range variables {
		if env[variable] == "" {
			env[variable] = value
		}
	}
	return nil
}
