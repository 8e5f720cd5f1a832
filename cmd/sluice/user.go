package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// iterations is how often SCRAM hashes a new password. It costs a login
// some milliseconds and a thief of the file years.
const iterations = 32768

func userCommand() *cli.Command {
	return &cli.Command{
		Name: "user", Usage: "manage who may log in with a password",
		Subcommands: []*cli.Command{{
			Name: "add", Usage: "add a user, or give one a new password", ArgsUsage: "NAME",
			Description: "Asks for the password on a terminal, else reads one line from standard input. The file gets a SCRAM\n" +
				"verifier, never the password. A running proxy sees the change at the next login.",
			Flags: []cli.Flag{&cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "verifiers `FILE`"}},
			Action: func(c *cli.Context) error {
				if c.NArg() != 1 || c.Path("file") == "" {
					return cli.Exit("user add takes --file FILE and one NAME", exitUsage)
				}
				password, err := readPassword(os.Stdin, os.Stderr)
				if err != nil {
					return err
				}
				defer clear(password)
				return identity.AddUser(c.Path("file"), c.Args().First(), password, iterations)
			},
		}},
	}
}

// readPassword reads a password without showing it.
func readPassword(in *os.File, prompt io.Writer) ([]byte, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the password: %w", err)
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
	ask := func(what string) ([]byte, error) {
		fmt.Fprint(prompt, what)
		p, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(prompt)
		if err != nil {
			return nil, fmt.Errorf("reading the password: %w", err)
		}
		return p, nil
	}
	first, err := ask("Password: ")
	if err != nil {
		return nil, err
	}
	second, err := ask("Again: ")
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two passwords differ")
	}
	return first, nil
}
