package pgserver

import "time"

// Options describes one server. The zero value is a server of the newest
// installed version, without TLS, where every login over TCP needs a SCRAM
// password.
type Options struct {
	// Version is the major version wanted, such as 15. Zero takes the newest
	// that the operating system has installed.
	Version int
	// Dir is the folder in which the server's own folder is made; empty means
	// the system's folder for temporary files. When the caller is root, the
	// user postgres must be able to reach it (search permission on every
	// folder of the path), which is not so for a folder of testing.T.TempDir.
	Dir string
	// Port is the TCP port; zero takes a free one.
	Port int
	// Superuser is the name of the first role; empty means "postgres".
	Superuser string
	// Password is the superuser's password; empty makes a random one, which
	// Server.Password tells.
	Password string
	// HBA holds lines of pg_hba.conf in order. They come after one line that
	// lets the superuser in over the Unix socket (the folder of the socket is
	// closed to other users). Nil means SCRAM for everybody on loopback.
	HBA []string
	// Config holds settings for postgresql.conf, as SHOW would print the
	// values; they win over those that this package chooses.
	Config map[string]string
	// TLS switches ssl on with a new certificate for localhost and 127.0.0.1,
	// signed by the authority in Server.CAFile.
	TLS bool
	// Database is created besides the standard ones; empty creates none.
	Database string
	// InitSQL runs as superuser once the server is up, in Database if that is
	// set. One entry may hold several statements.
	InitSQL []string
	// StartTimeout bounds everything up to the point where the server
	// answers; zero means one minute.
	StartTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Superuser == "" {
		o.Superuser = "postgres"
	}
	if o.Password == "" {
		o.Password = randomPassword()
	}
	if o.HBA == nil {
		o.HBA = []string{
			"local all all scram-sha-256",
			"host all all 127.0.0.1/32 scram-sha-256",
			"host all all ::1/128 scram-sha-256",
		}
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
	return o
}
