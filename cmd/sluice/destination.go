package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/measure"
	"github.com/sluice-pg/sluice/proxy/survey"
)

func destinationCommand() *cli.Command {
	return &cli.Command{
		Name: "destination", Usage: "look at the places that copies go to, and set them up",
		Subcommands: []*cli.Command{destinationCheckCommand(), destinationSetupCommand(), destinationAttestCommand()},
	}
}

func destinationCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "measure a place and hold it against the policy's floor", ArgsUsage: "NAME",
		Description: "NAME is that of a destination of the policy. It is knocked at as a stranger would, without a password,\n" +
			"over every transport and with the names of its roles, and asked about itself with a login of the role that\n" +
			"looks (roles.probe). Each knock leaves one or two lines in the server's log, under application_name\n" +
			"sluice-probe. Nothing is written there. What is printed is what a copy would be refused for, and how to\n" +
			"mend it, with sections of CIS and rules of DISA's STIG.\n\n" +
			"Exit codes: 0 the place keeps to its floor, 3 it does not, 1 something failed, 2 wrong usage, 5 the\n" +
			"configuration or the policy is not valid.",
		Flags: append(
			configFlags(),
			&cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`; default: that of the configuration"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		),
		Action: runDestinationCheck,
	}
}

// placeAt is what a command is about: a destination of configuration and policy.
type placeAt struct {
	config      *proxy.Config
	destination *proxy.Destination
	place       *measure.Place
}

// placeNamed finds a destination in the policy, and in the configuration if one has
// to log in there.
func placeNamed(c *cli.Context, login bool) (at placeAt, err error) {
	if c.NArg() != 1 {
		return at, cli.Exit(c.Command.Name+" takes one NAME, that of a destination of the policy", exitUsage)
	}
	name := c.Args().First()
	if at.config, err = servedConfig(c); err != nil {
		return at, err
	}
	path := at.config.Policy
	if c.IsSet("policy") {
		path = c.Path("policy")
	}
	p, _, err := loadPolicy(path)
	if err != nil {
		return at, cli.Exit(err, exitConfig)
	}
	def, known := p.PlaceNamed(name)
	if !known {
		return at, cli.Exit(fmt.Sprintf("the policy has no destination %q; it has %s", name, destinationNames(p)), exitUsage)
	}
	at.place = &measure.Place{PlaceDef: def, CA: x509.NewCertPool()}
	for i := range at.config.Destinations {
		if at.config.Destinations[i].Name == name {
			at.destination = &at.config.Destinations[i]
		}
	}
	if at.destination == nil && login {
		return at, cli.Exit(fmt.Sprintf("the configuration has no destination %q, so nobody can log in there: add it under destinations", name), exitConfig)
	}
	if !login {
		return at, nil
	}
	if err := at.destination.SameServer(&def); err != nil {
		return at, cli.Exit(err, exitConfig)
	}
	at.place.ServerName = at.destination.Server.TLS.ServerName
	if def.CA != "" {
		if at.place.CA, err = proxy.LoadPool(def.CA); err != nil {
			return at, cli.Exit(err, exitConfig)
		}
	}
	return at, nil
}

func destinationNames(p *policy.Policy) string {
	var names []string
	for _, one := range p.Places() {
		names = append(names, one.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// measured measures the place with a login of the probe.
func (at *placeAt) measured(ctx context.Context) (state *measure.State, err error) {
	login, err := survey.OpenPlace(ctx, at.config, at.destination, at.place.Roles.Probe)
	if err != nil {
		failed := func(context.Context, func(context.Context, catalog.Querier) error) error { return err }
		return at.place.Measure(ctx, failed, ""), nil
	}
	defer func() {
		if e := login.Close(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("the credential that was used is not given back: %w", e))
		}
	}()
	at.place.Ours = func(role string) bool { return role == login.User }
	return at.place.Measure(ctx, login.Ask, ""), nil
}

func runDestinationCheck(c *cli.Context) error {
	if format := c.String("format"); format != "text" && format != "json" {
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	}
	at, err := placeNamed(c, true)
	if err != nil {
		return err
	}
	state, err := at.measured(c.Context)
	if err != nil {
		return err
	}
	if state.AttestationProblem != "" {
		warn(c, []string{state.AttestationProblem})
	}
	report := destination.NewReport(at.place.Name, at.place.Floor(), state.Measured, destination.Demands{Now: state.At, Attestations: state.Attestations})
	if c.String("format") == "json" {
		err = printJSON(struct {
			Version int `json:"version"`
			*destination.Report
		}{schemaVersion, report})
	} else {
		err = report.WriteText(os.Stdout)
	}
	if err != nil {
		return err
	}
	if report.Verdict != destination.Passed {
		return cli.Exit(report.Sentence(), exitRefused)
	}
	return nil
}

func destinationSetupCommand() *cli.Command {
	return &cli.Command{
		Name: "setup", Usage: "print the SQL with which a place's DBA makes it ready for copies", ArgsUsage: "NAME",
		Description: "The SQL makes four roles without a login (roles of the destination in the policy: owner, probe, carrier,\n" +
			"reactor) and the schema sluice. It is run once, as a superuser, in the database that is to hold copies, and may\n" +
			"be run again. Then let the owner create tables in the schemas that copies go to:\n\n" +
			"    sluice destination setup --print analytics | psql \"host=... dbname=copies user=postgres\"\n" +
			"    GRANT USAGE, CREATE ON SCHEMA public TO sluice_owner;\n\n" +
			"Logins that are members of the roles are made by Vault, or by the built-in issuer. --teardown prints the SQL\n" +
			"that takes all of it away again.",
		Flags: append(
			configFlags(),
			&cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`; default: that of the configuration"},
			&cli.BoolFlag{Name: "print", Usage: "print the SQL; nothing is run here"},
			&cli.BoolFlag{Name: "teardown", Usage: "print the SQL that takes it away"},
			&cli.BoolFlag{Name: "loud", Usage: "do not let the carrier switch off, for its own sessions, what brings values into the server's log"},
		),
		Action: runDestinationSetup,
	}
}

func runDestinationSetup(c *cli.Context) error {
	if !c.Bool("print") {
		return cli.Exit("setup runs nothing: with --print it prints the SQL for the place's DBA", exitUsage)
	}
	at, err := placeNamed(c, false)
	if err != nil {
		return err
	}
	roles := at.place.Roles
	options := destination.SetupOptions{
		Database: at.place.Database, Owner: roles.Owner, Probe: roles.Probe, Carrier: roles.Carrier, Reactor: roles.Reactor, QuietLogs: !c.Bool("loud"),
	}
	write := destination.SetupSQL
	if c.Bool("teardown") {
		write = destination.TeardownSQL
	}
	sql, err := write(options)
	if err != nil {
		return cli.Exit(err, exitConfig)
	}
	fmt.Print(sql)
	return nil
}

func destinationAttestCommand() *cli.Command {
	return &cli.Command{
		Name: "attest", Usage: "sign a statement about a place that SQL cannot show, such as encryption at rest", ArgsUsage: "NAME",
		Description: "The place is measured, and the statement is bound to its system identifier and to the key of its certificate:\n" +
			"it holds for no other server. The public half of KEY stands in the policy, under attestors, and the file that\n" +
			"is written is named there by attested. A key is made with: openssl genpkey -algorithm ed25519 -out KEY",
		Flags: append(
			configFlags(),
			&cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`; default: that of the configuration"},
			&cli.PathFlag{Name: "key", Required: true, Usage: "private key `FILE` (Ed25519, PEM)"},
			&cli.StringFlag{Name: "signer", Required: true, Usage: "the key's `NAME` under attestors"},
			&cli.StringFlag{Name: "by", Required: true, Usage: "`WHO` states it, for people"},
			&cli.StringSliceFlag{Name: "claim", Usage: "what is stated, `NAME=WORDS`, such as volume=luks2; may be given several times"},
			&cli.DurationFlag{Name: "for", Value: 90 * 24 * time.Hour, Usage: "how long it holds"},
			&cli.PathFlag{Name: "write", Aliases: []string{"w"}, Usage: "the `FILE` to write; default: standard output"},
		),
		Action: runDestinationAttest,
	}
}

func runDestinationAttest(c *cli.Context) error {
	at, err := placeNamed(c, true)
	if err != nil {
		return err
	}
	claim := map[string]string{}
	for _, text := range c.StringSlice("claim") {
		name, words, is := strings.Cut(text, "=")
		if !is || name == "" {
			return cli.Exit(fmt.Sprintf("--claim: %q is not NAME=WORDS", text), exitUsage)
		}
		claim[name] = words
	}
	pem, err := os.ReadFile(c.Path("key"))
	if err != nil {
		return err
	}
	key, err := destination.ParseSigningKey(string(pem))
	if err != nil {
		return cli.Exit(fmt.Errorf("--key: %w", err), exitUsage)
	}
	state, err := at.measured(c.Context)
	if err != nil {
		return err
	}
	if state.System() == "" || state.Key() == "" {
		return fmt.Errorf("%s could not be measured: its system identifier and the one key of its certificate have to be known; sluice destination check says why they are not", at.place.Name)
	}
	now := time.Now().UTC().Truncate(time.Second)
	file, err := destination.Attest(destination.Attestation{
		By: c.String("by"), Claim: claim, IssuedAt: now, NotAfter: now.Add(c.Duration("for")),
		SystemIdentifier: state.System(), SPKI: state.Key(), Type: destination.TypeAtRest, Version: 1,
	}, c.String("signer"), key)
	if err != nil {
		return err
	}
	if path := c.Path("write"); path != "" {
		return os.WriteFile(path, file, 0o644)
	}
	_, err = os.Stdout.Write(file)
	return err
}
