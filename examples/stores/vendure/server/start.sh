#!/usr/bin/env bash
# Starts Vendure on PORT (3000), the first time with its sample catalogue, and waits until it answers.
set -euo pipefail
cd "$(dirname "$0")"
export VENDURE_DISABLE_TELEMETRY=true DATABASE=${DATABASE:-shop.sqlite}
[ -e "$DATABASE" ] || export POPULATE=1
: > vendure.log
node server.js > vendure.log 2>&1 &
echo $! > vendure.pid
for _ in $(seq 600); do
  if grep -q '^listening' vendure.log; then echo "Vendure answers on port ${PORT:-3000}"; exit 0; fi
  kill -0 "$(cat vendure.pid)" 2>/dev/null || { cat vendure.log; exit 1; }
  sleep 0.2
done
echo "Vendure did not answer in time"; cat vendure.log; exit 1
