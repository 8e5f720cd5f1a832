// Command vault is a real Vault server for tests, made of Vault's own packages
// and nothing else: sealed until it is unsealed over its HTTP API, with its
// data in files, so that it can be killed and go on where it was.
//
//	vault -data FOLDER [-port N] [-tls-port N -tls-cert FILE -tls-key FILE] [-until-eof]
//
// It listens on 127.0.0.1 only. Once it does, it prints one line of JSON on
// standard output and nothing more:
//
//	{"address":"http://127.0.0.1:41233","tls_address":"https://127.0.0.1:41234"}
//
// Its log goes to standard error. It ends on SIGTERM or SIGINT, and with
// -until-eof also when its standard input ends, so that it does not outlive
// whoever started it. Exit code 1 means that it could not run; standard error
// says why.
//
// It has the secrets engines database (with the plugin for PostgreSQL) and kv,
// the auth methods approle, jwt and kubernetes beside Vault's own token, and
// the audit device file. Memory is not locked (mlock), and there is one node:
// it is no model for a server that should keep secrets.
//
// It is a module of its own, because Vault comes under the Business Source
// License and with hundreds of modules: nothing of it is part of Sluice, and
// no other package imports it. The harness in integration/vaultserver builds
// and runs this program.
package main
