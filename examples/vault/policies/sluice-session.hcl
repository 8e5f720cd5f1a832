# What the token for one login may do: ask for it, and keep or end itself. Ask
# is all that is special: the roles say what the logins are.
path "database/creds/shop-*" {
  capabilities = ["read"]
}

# The same at the place that copies are carried to: to look, to load, to close.
path "database/creds/copies-probe" {
  capabilities = ["read"]
}
path "database/creds/copies-carry" {
  capabilities = ["read"]
}
path "database/creds/copies-react" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
