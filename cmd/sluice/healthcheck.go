package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/proxy/admin"
)

func healthcheckCommand() *cli.Command {
	return &cli.Command{
		Name:  "healthcheck",
		Usage: "ask a running proxy whether new clients should be sent to it",
		Description: "Asks /readyz at the admin address of the configuration, and prints what it says. Exits with 0 if the\n" +
			"proxy is ready. It needs no shell and no other program, so it works inside an image that has neither.",
		Flags: append(
			configFlags(),
			&cli.BoolFlag{Name: "live", Usage: "ask /livez: whether the process answers at all"},
			&cli.StringFlag{Name: "url", Usage: "ask this `URL` and read no configuration"},
			&cli.DurationFlag{Name: "timeout", Value: 5 * time.Second, Usage: "how long an answer may take"},
		),
		Action: func(c *cli.Context) error {
			url, err := probeURL(c)
			if err != nil {
				return err
			}
			ctx, done := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer done()
			said, err := admin.Ask(ctx, url)
			if said != "" {
				fmt.Println(said)
			}
			return err
		},
	}
}

// probeURL is what to ask.
func probeURL(c *cli.Context) (string, error) {
	if url := c.String("url"); url != "" {
		return url, nil
	}
	config, err := servedConfig(c)
	if err != nil {
		return "", err
	}
	if config.Admin.Address == "" {
		return "", cli.Exit("the configuration has no admin.address to ask at", exitConfig)
	}
	path := "/readyz"
	if c.Bool("live") {
		path = "/livez"
	}
	return admin.URL(config.Admin.Address, path)
}
