#!/bin/sh
# Makes what compose.yaml needs and nobody should have to type: an authority of
# its own, a certificate for each server, and two passwords. What exists is
# left alone. The authority's key is thrown away; to renew the certificates
# (they last ten years), remove the volumes with secrets.
#
# $SHARED, $DATABASE_SECRETS and $SLUICE_SECRETS are folders, with the defaults
# of compose.yaml; $DATABASE_OWNER and $SLUICE_OWNER are UID:GID.
set -eu
umask 077
shared=${SHARED:-/shared}
database=${DATABASE_SECRETS:-/database-secrets}
sluice=${SLUICE_SECRETS:-/sluice-secrets}

if [ -e "$shared/ca.pem" ]; then
	echo 'prepare: everything is there already'
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# certificate FOLDER NAME: for the hosts NAME and localhost.
certificate() {
	new_key "$1/server.key"
	openssl req -new -key "$1/server.key" -subj "/CN=$2" -out "$work/request.pem"
	printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' "$2" >"$work/names"
	openssl x509 -req -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 3650 -extfile "$work/names" -out "$1/server.pem"
}

new_key "$work/ca.key"
openssl req -x509 -new -key "$work/ca.key" -subj '/CN=Sluice compose' -days 3650 -out "$work/ca.pem"
certificate "$database" database
certificate "$sluice" sluice

openssl rand -hex 24 >"$database/superuser.password"
issuer=$(openssl rand -hex 24)
printf '%s\n' "$issuer" >"$database/issuer.password"
printf '*:*:*:shop_issuer:%s\n' "$issuer" >"$sluice/issuer.pgpass"

chown -R "$DATABASE_OWNER" "$database"
chown -R "$SLUICE_OWNER" "$sluice"
# Last, because it says that all the rest is there.
chmod 755 "$shared"
cp "$work/ca.pem" "$shared/ca.new"
chmod 644 "$shared/ca.new"
mv "$shared/ca.new" "$shared/ca.pem"
