package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/examples/demo"
	"github.com/sluice-pg/sluice/examples/demo/tenant"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/systemd"
	"github.com/sluice-pg/sluice/proxy/telemetry"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "three real databases, Sluice in front of one, and a story to play",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "script", Usage: "play the story and exit; not zero if a step is not as it should be"},
			&cli.StringFlag{Name: "vault", Usage: "let the Vault at `ADDR` make the logins, as https://vault.example.net:8200; its token is that of VAULT_TOKEN or ~/.vault-token, and everything made there is removed again"},
			&cli.PathFlag{Name: "vault-ca", Usage: "PEM `FILE` with who signed Vault's certificate; default: VAULT_CACERT, or the system's"},
		},
		Action: func(c *cli.Context) error {
			vault, err := demoVault(c)
			if err != nil {
				return err
			}
			greet := !c.Bool("script") // the story is read, not worked in
			return demo.Run(c.Context, demo.Options{
				StartProxy: func(ctx context.Context, d demo.ProxySetup) (string, func(context.Context) error, error) {
					return startDemoProxy(ctx, d, greet)
				},
				Stdout: os.Stdout, Stderr: os.Stderr, Script: c.Bool("script"), Vault: vault,
			})
		},
	}
}

// demoVault is the Vault that the demo is to use; nil for none.
func demoVault(c *cli.Context) (*tenant.Options, error) {
	address := c.String("vault")
	if address == "" {
		if c.IsSet("vault") || c.IsSet("vault-ca") {
			return nil, cli.Exit("--vault needs the address of a Vault, as https://vault.example.net:8200", exitUsage)
		}
		return nil, nil
	}
	token, from, err := tenant.TakeToken()
	if err != nil {
		return nil, fmt.Errorf("sluice: demo: %w", err)
	}
	ca := cmp.Or(c.Path("vault-ca"), os.Getenv("VAULT_CACERT"))
	if ca != "" {
		if ca, err = filepath.Abs(ca); err != nil { // the demo works in a folder of its own
			return nil, fmt.Errorf("sluice: demo: the file of --vault-ca: %w", err)
		}
	}
	return &tenant.Options{Address: address, CA: ca, Namespace: os.Getenv("VAULT_NAMESPACE"), Token: token, TokenFrom: from}, nil
}

// demoCredential says where the logins of the demo's sessions come from.
func demoCredential(d demo.ProxySetup) (proxy.Credential, *proxy.VaultConfig) {
	v := d.Vault
	if v == nil {
		return proxy.Credential{Builtin: &proxy.BuiltinCredential{Admin: d.AdminDSN, Group: d.Group}}, nil
	}
	return proxy.Credential{Vault: &proxy.VaultCredential{Mount: v.Mount, ControlRole: v.ControlRole, CatalogRole: v.CatalogRole, CatalogGroup: v.CatalogGroup}}, &proxy.VaultConfig{
		Address: v.Address, CA: v.CA, Namespace: v.Namespace, SessionPolicies: []string{v.SessionPolicy},
		Auth: proxy.VaultAuth{AppRole: &proxy.VaultAppRole{Mount: v.AuthMount, RoleIDFile: v.RoleIDFile, SecretIDFile: v.SecretIDFile}},
	}
}

// demoDestinations says how copies get to the demo's places.
func demoDestinations(d demo.ProxySetup) (all []proxy.Destination) {
	for _, place := range d.Destinations {
		at := proxy.Upstream{Host: place.Host, Port: place.Port, Database: place.Name, TLS: proxy.UpstreamTLS{CA: place.CAFile}}
		if place.CAFile == "" {
			at.TLS.Mode = "disable"
		}
		all = append(all, proxy.Destination{
			Name: place.Name, Server: at, Credential: proxy.DestinationCredential{Builtin: &proxy.DestinationBuiltin{Admin: place.AdminDSN}},
		})
	}
	return all
}

// startDemoProxy runs the proxy in this process, configured as a file would.
func startDemoProxy(ctx context.Context, d demo.ProxySetup, greet bool) (string, func(context.Context) error, error) {
	logFile, err := os.OpenFile(filepath.Join(d.Dir, "sluice.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("log: %w", err)
	}
	credential, vault := demoCredential(d)
	config := &proxy.Config{
		Listen: []proxy.Listen{{Address: d.Listen, Plaintext: "loopback"}},
		Users:  d.Users,
		Auth:   identity.Rules{{Databases: []string{"all"}, Users: []string{"all"}, Addresses: []string{"127.0.0.0/8", "::1"}, Method: identity.MethodSCRAM}},
		Databases: []proxy.Database{{
			Name:       d.Database,
			Upstream:   proxy.Upstream{Host: d.Host, Port: d.Port, TLS: proxy.UpstreamTLS{CA: d.CAFile}},
			Credential: credential,
		}},
		Destinations: demoDestinations(d),
		Vault:        vault,
		Policy:       d.Policy,
		MaskKeys:     []proxy.MaskKey{{Name: "default", File: d.MaskKey}},
		Trail:        proxy.TrailConfig{Dir: d.TrailDir},
		Greeting:     greet,
		Instance:     "demo",
	}
	if err := config.Complete(d.Dir); err != nil {
		logFile.Close()
		return "", nil, err
	}
	told, err := telemetry.Start(ctx, telemetry.Options{Instance: config.Instance, Version: version(), Log: config.Log, Output: logFile})
	if err != nil {
		logFile.Close()
		return "", nil, err
	}
	r, err := start(ctx, config, told, new(systemd.Service))
	if err != nil {
		logFile.Close()
		return "", nil, err
	}
	unfollow := r.follow(ctx, nil)
	stop := func(ctx context.Context) error {
		defer logFile.Close()
		unfollow()
		return errors.Join(r.stop(ctx), told.Close(ctx))
	}
	return r.addrs[0].String(), stop, nil
}
