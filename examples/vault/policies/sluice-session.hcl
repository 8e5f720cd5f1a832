# What the token for one login may do: ask for it, and keep or end itself. Ask
# is all that is special: the roles say what the logins are.
path "database/creds/shop-*" {
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
