// Package vault holds the files of this folder for programs that set a Vault up
// as it shows, such as the demo.
package vault

import "embed"

// Files are the policies, the statements and the template of logins' names.
//
//go:embed policies sql username.tmpl
var Files embed.FS
