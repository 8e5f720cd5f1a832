package main

import (
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

// newCore makes Vault on the files of a folder. It is sealed, and not
// initialised either if the folder is empty. The address is what it tells
// clients to be reached at.
func newCore(folder, address string, logger hclog.Logger) (*vault.Core, error) {
	storage, err := file.NewFileBackend(map[string]string{"path": folder}, logger.Named("storage"))
	if err != nil {
		return nil, fmt.Errorf("storage in %s: %w", folder, err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "file",
		RedirectAddr:       address,
		LogicalBackends:    engines,
		CredentialBackends: methods,
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		BuiltinRegistry:    plugins{},
		DisableMlock:       true,
		Logger:             logger,
	})
	if err != nil {
		return nil, fmt.Errorf("create Vault: %w", err)
	}
	return core, nil
}
