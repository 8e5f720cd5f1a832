# What the demo needs, as it says itself.
path "sys/capabilities-self" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "sys/mounts/sluice-demo-*" { capabilities = ["update", "delete"] }
path "sys/auth/sluice-demo-*" { capabilities = ["read", "update", "delete", "sudo"] }
path "sys/policies/acl/sluice-demo-*" { capabilities = ["update", "delete"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "+/config/shop" { capabilities = ["create"] }
path "+/rotate-root/shop" { capabilities = ["update"] }
path "+/roles/shop-app" { capabilities = ["create"] }
path "+/roles/shop-catalog" { capabilities = ["create"] }
path "+/roles/sluice-control" { capabilities = ["create"] }
path "auth/+/role/sluice" { capabilities = ["create"] }
path "auth/+/role/sluice/role-id" { capabilities = ["read"] }
path "auth/+/role/sluice/secret-id" { capabilities = ["update"] }
path "identity/lookup/entity" { capabilities = ["update"] }
path "identity/entity/id/*" { capabilities = ["delete"] }
