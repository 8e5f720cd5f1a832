package main

import (
	"errors"
	"flag"
	"io"
)

// options are the flags. Port 0 is a free one.
type options struct {
	data      string
	port      int
	tlsPort   int
	cert, key string
	untilEOF  bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("vault", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.data, "data", "", "the `folder` for Vault's storage, made if it is not there")
	flags.IntVar(&o.port, "port", 0, "the `port` for HTTP on 127.0.0.1; 0 takes a free one")
	flags.IntVar(&o.tlsPort, "tls-port", 0, "the `port` for HTTPS on 127.0.0.1; 0 takes a free one")
	flags.StringVar(&o.cert, "tls-cert", "", "the `file` with the certificate; without it there is no HTTPS")
	flags.StringVar(&o.key, "tls-key", "", "the `file` with the certificate's key")
	flags.BoolVar(&o.untilEOF, "until-eof", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, errors.New("there are flags only, no arguments")
	case o.data == "":
		return options{}, errors.New("-data is missing: the folder for the storage")
	case (o.cert == "") != (o.key == ""):
		return options{}, errors.New("-tls-cert and -tls-key go together")
	case o.tlsPort != 0 && o.cert == "":
		return options{}, errors.New("-tls-port needs -tls-cert and -tls-key")
	}
	return o, nil
}
