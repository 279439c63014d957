#!/bin/sh
# Run once by the PostgreSQL image, when its volume is empty: databases and the roles that own them. No superuser is used
# after this. Neither role can read what the other owns.
set -eu
psql --username postgres --dbname postgres --set ON_ERROR_STOP=1 \
  --set migrator="$POWERLOOM_MIGRATOR_PASSWORD" --set temporal="$TEMPORAL_DB_PASSWORD" \
  --file "$(dirname "$0")/sql/databases.sql"
