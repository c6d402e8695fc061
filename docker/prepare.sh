#!/bin/sh
# What must be there before the service starts: its secrets, each in a file of its own, what follows from them (Redis's
# configuration and address, SeaweedFS's users), and volumes that belong to the one user that every container runs as.
# Safe to run again: a secret that is there, made here or put there by an operator, stays as it is.
set -eu
secrets=${SECRETS:-/run/handsoff}
volumes=${VOLUMES:-/volumes}
owner=${OWNER:-10001:10001}
umask 077

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

cd "$secrets"
for name in link_secret redis_password store_access_key_id store_secret_access_key; do
    [ -s "$name" ] || { random >"$name.new" && mv "$name.new" "$name"; }
done
printf 'requirepass %s\n' "$(cat redis_password)" >redis.conf
printf 'redis://:%s@redis:6379/0\n' "$(cat redis_password)" >redis_url
cat >s3.json <<END
{"identities": [{
  "name": "handsoff",
  "credentials": [{"accessKey": "$(cat store_access_key_id)", "secretKey": "$(cat store_secret_access_key)"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]
}]}
END

chown "$owner" . ./* "$volumes"/*
chmod 700 .
chmod 600 ./*
