#!/bin/sh
# Runs before the service starts. It creates each secret in a file, and the files made from them (configuration and address of
# Redis, users of SeaweedFS). It gives the volumes to the one user that every container runs as.
# It is safe to run again: an existing secret, created here or by an operator, is kept.
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
