package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/proxy/signin"
)

func loginCommand() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "get a token of your OpenID provider for clients that cannot", ArgsUsage: "NAME",
		Description: "Shows an address and a code to open in a browser, waits until you did, and writes the token into a\n" +
			"passfile and the connection as service NAME into a service file. Both are in a folder of Sluice's own\n" +
			"and only you can read them; your own ~/.pgpass and ~/.pg_service.conf are left alone. The login rule\n" +
			"has to be one with method jwt. Run it again when the token has expired.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "issuer", Required: true, Usage: "the provider's `URL`, as in Sluice's configuration"},
			&cli.StringFlag{Name: "client-id", Required: true, Usage: "what the provider calls this program, `ID`"},
			&cli.StringSliceFlag{Name: "scope", Value: cli.NewStringSlice("openid"), Usage: "a `SCOPE` to ask for; may be given several times"},
			&cli.BoolFlag{Name: "id-token", Usage: "take the ID token, for providers whose access tokens are no JWT"},
			&cli.PathFlag{Name: "ca", Usage: "PEM `FILE` with who signed the provider's certificate; default: the system's"},
			&cli.StringFlag{Name: "host", Required: true, Usage: "the `HOST` that Sluice listens at"},
			&cli.StringFlag{Name: "port", Value: "6432", Usage: "its `PORT`"},
			&cli.StringFlag{Name: "dbname", Required: true, Usage: "the `NAME` of the database in Sluice's configuration"},
			&cli.StringFlag{Name: "user", Required: true, Usage: "the `USER` to connect as"},
			&cli.StringFlag{Name: "sslrootcert", Value: "system", Usage: "`FILE` with who signed Sluice's certificate, or system (libpq 16 and newer)"},
			folderFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return cli.Exit("login takes one NAME", exitUsage)
			}
			e, err := loginEntry(c)
			if err != nil {
				return err
			}
			if err := e.Check(); err != nil {
				return cli.Exit(err, exitUsage)
			}
			folder, err := loginFolder(c)
			if err != nil {
				return err
			}
			token, err := signin.Device(c.Context, signin.Provider{
				Issuer: c.String("issuer"), ClientID: c.String("client-id"), Scopes: c.StringSlice("scope"),
				CA: c.Path("ca"), IDToken: c.Bool("id-token"),
			}, func(p signin.Prompt) { prompt(os.Stderr, p) })
			if err != nil {
				return err
			}
			if err := folder.Save(e, token); err != nil {
				return err
			}
			fmt.Println(equivalent(folder, e.Name, nil))
			return nil
		},
	}
}

// loginEntry is the connection to save. psql may be started anywhere, so a file is
// named in full.
func loginEntry(c *cli.Context) (e signin.Entry, err error) {
	e = signin.Entry{
		Name: c.Args().First(), Host: c.String("host"), Port: c.String("port"), Database: c.String("dbname"),
		User: c.String("user"), RootCert: c.String("sslrootcert"),
	}
	if e.RootCert != "" && e.RootCert != "system" {
		e.RootCert, err = filepath.Abs(e.RootCert)
	}
	return e, err
}

func folderFlag() cli.Flag {
	return &cli.PathFlag{Name: "folder", Usage: "`FOLDER` of the files; default: sluice/login in your folder for configuration"}
}

func loginFolder(c *cli.Context) (signin.Folder, error) {
	if path := c.Path("folder"); path != "" {
		return signin.OpenFolder(path)
	}
	return signin.DefaultFolder()
}

// prompt says what to do; --quiet does not keep it back, since nothing happens
// without it.
func prompt(w io.Writer, p signin.Prompt) {
	fmt.Fprintf(w, "Open %s and enter the code %s\n", p.Address, p.Code)
	if p.Complete != "" {
		fmt.Fprintf(w, "or open %s\n", p.Complete)
	}
	if !p.Expires.IsZero() {
		fmt.Fprintf(w, "The code is good until %s.\n", p.Expires.Local().Format(time.TimeOnly))
	}
}

func psqlCommand() *cli.Command {
	return &cli.Command{
		Name: "psql", Usage: "run psql with a connection that login saved", ArgsUsage: "NAME [ARGUMENT...]",
		Description: "Prints the command that does the same, and runs it. Arguments behind NAME go to psql.",
		Flags:       []cli.Flag{folderFlag()},
		Before:      takeCommonFlags, // flags behind NAME are psql's
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return cli.Exit("psql takes the NAME of a connection", exitUsage)
			}
			folder, err := loginFolder(c)
			if err != nil {
				return err
			}
			if !folder.Has(name) {
				return cli.Exit(fmt.Sprintf("there is no connection %s whose token is still good: sluice login makes one", name), exitRuntime)
			}
			program, err := exec.LookPath("psql")
			if err != nil {
				return fmt.Errorf("psql is needed: %w", err)
			}
			arguments := c.Args().Tail()
			if !c.Bool("quiet") {
				fmt.Fprintln(os.Stderr, equivalent(folder, name, arguments))
			}
			return syscall.Exec(program, append([]string{"psql", "-d", "service=" + name}, arguments...), environment(os.Environ(), folder))
		},
	}
}

// environment is psql's. The person's own service file and password are for other
// databases; psql would take the first of two values, and a password before the
// passfile.
func environment(own []string, folder signin.Folder) []string {
	others := slices.DeleteFunc(slices.Clone(own), func(v string) bool {
		return strings.HasPrefix(v, "PGSERVICEFILE=") || strings.HasPrefix(v, "PGPASSWORD=")
	})
	return append(others, "PGSERVICEFILE="+folder.ServiceFile())
}

// equivalent is the command for a shell.
func equivalent(folder signin.Folder, name string, arguments []string) string {
	words := []string{"PGSERVICEFILE=" + shellQuote(folder.ServiceFile()), "psql", "-d", "service=" + name}
	if os.Getenv("PGPASSWORD") != "" {
		words = append([]string{"PGPASSWORD="}, words...)
	}
	for _, a := range arguments {
		words = append(words, shellQuote(a))
	}
	return strings.Join(words, " ")
}

// shellQuote quotes a word for a POSIX shell if it needs that.
func shellQuote(word string) string {
	plain := strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-=:@%+", r))
	}) < 0
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
