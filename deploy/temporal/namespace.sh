#!/bin/sh
# Registers the namespace and the search attributes that workflows are found by (stack/temporal-search-attributes.ts).
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_RETENTION are in the environment.
set -eu

# A port that listens is not yet a server that answers.
tries=0
until temporal operator cluster health >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo "Temporal at $TEMPORAL_ADDRESS does not answer" >&2; exit 1; }
  sleep 1
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"

# A new namespace is usable after the server's cache has seen it, about ten seconds.
for name in PowerloomOrganisation PowerloomOu PowerloomKind PowerloomStatus; do
  tries=0
  until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>/dev/null | grep -qw "$name"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "search attribute $name does not show" >&2; exit 1; }
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword || sleep 1
  done
done
