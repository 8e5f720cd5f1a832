# What the token that Sluice logs in with may do. It has this policy and
# sluice-session, and no other: not Vault's "default" either.

# Its own token: see how long it lasts, keep it, give it back.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# See what it may do, so that a right that is missing is told at the start.
path "sys/capabilities-self" {
  capabilities = ["update"]
}

# A token for each login it hands out, under its own, so that the name of a
# person is in the login's name, and the login goes when the token goes. Such a
# token has the policy sluice-session and nothing else; asked for no policy,
# Vault would give it all of its parent's. num_uses, type and entity_alias are
# there because Vault's own client always sends them.
path "auth/token/create" {
  capabilities        = ["update"]
  required_parameters = ["policies", "no_default_policy", "display_name"]
  allowed_parameters = {
    "policies"          = [["sluice-session"]]
    "no_default_policy" = [true]
    "display_name"      = []
    "meta"              = []
    "ttl"               = []
    "explicit_max_ttl"  = []
    "renewable"         = []
    "num_uses"          = []
    "type"              = ["", "service"]
    "entity_alias"      = [""]
  }
  denied_parameters = { "policies" = [[], ""] }
}

# What an earlier run has left behind is ended by the accessors of its tokens. An
# accessor is known to whoever made the token, and cannot be used in its place.
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}

# Leases by their ids, of these roles alone. Vault's client puts the id into
# the path to revoke; then none may stand in the body, which would count.
path "sys/leases/lookup" {
  capabilities       = ["update"]
  allowed_parameters = { "lease_id" = ["database/creds/shop-*", "database/creds/copies-*", "database/creds/sluice-control/*"] }
}
path "sys/leases/renew" {
  capabilities = ["update"]
  allowed_parameters = {
    "lease_id"  = ["database/creds/shop-*", "database/creds/copies-*", "database/creds/sluice-control/*"]
    "increment" = []
  }
}
path "sys/leases/revoke" {
  capabilities = ["update"]
  allowed_parameters = {
    "lease_id" = ["database/creds/shop-*", "database/creds/copies-*", "database/creds/sluice-control/*"]
    "sync"     = []
  }
}
path "sys/leases/revoke/database/creds/shop-*" {
  capabilities      = ["update"]
  denied_parameters = { "lease_id" = [] }
}
path "sys/leases/revoke/database/creds/copies-*" {
  capabilities      = ["update"]
  denied_parameters = { "lease_id" = [] }
}
path "sys/leases/revoke/database/creds/sluice-control/*" {
  capabilities      = ["update"]
  denied_parameters = { "lease_id" = [] }
}

# The logins with which it ends sessions.
path "database/creds/sluice-control" {
  capabilities = ["read"]
}
path "database/creds/copies-signal" {
  capabilities = ["read"]
}

# What has no lease: the key that signs the trail, made at the first start, read
# at each, and never overwritten or deleted. Sluice may not update it, delete it,
# list what is there, or see its metadata. Leave it out if the key is in a file.
path "secret/data/sluice/trail" {
  capabilities = ["create", "read"]
}

# Keys to mask with, and logins of places that Vault makes none for. Leave out
# what you do not use.
path "secret/data/sluice/*" {
  capabilities = ["read"]
}
path "database/static-creds/shop-*" {
  capabilities = ["read"]
}
