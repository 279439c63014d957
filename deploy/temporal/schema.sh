#!/bin/sh
# Brings the schema of Temporal's two databases to the version of this image. SQL_* in the environment say where.
set -eu
for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  temporal-sql-tool --database "$database" setup-schema --version 0.0
  temporal-sql-tool --database "$database" update-schema --schema-name "postgresql/v12/${pair##*:}"
done
