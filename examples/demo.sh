#!/usr/bin/env bash
# The main job from end to end on the embedded marketplace, in a copy of this repository's specs.
# Every line after $ is what you would type. Run by `make demo`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/acorn.yaml" "$here/specs" "$here/overlays" "$here/schemas" "$work/"
cd "$work"
# The specs' calendar is that of winter 2026: in another year its grants have ended and its sales are over.
export ACORN_NOW=2026-11-23T09:00:00Z
export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.com GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.com
printf '.acorn/\n*.acorn.json\n' > .gitignore
git init --quiet --initial-branch main . && git add -A && git commit --quiet -m "Our stores as code"

bold=''; plain=''; [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && { bold=$'\033[1m'; plain=$'\033[0m'; }
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@"; }
expect() { # expect CODE command…: the exit codes are an interface, so the demo checks them
  local want=$1 got=0; shift
  printf '$ %s\n' "$*"; "$@" || got=$?
  [ "$got" = "$want" ] || { echo "demo: expected exit code $want, got $got"; exit 1; }
}

say "Twelve countries, a dozen shops, hundreds of SKUs: are the specs right?"
run acorn validate
say "What would change? Nothing is written, and the plan is saved for review."
expect 2 acorn plan --out first.acorn.json --detailed-exitcode
say "Apply exactly what was reviewed."
run acorn apply first.acorn.json
say "Plan again: nothing is left to do."
expect 0 acorn plan --detailed-exitcode
say "A plan is applied once."
expect 6 acorn apply first.acorn.json
say "Somebody clicks through the console, behind our back."
run acorn sandbox disturb --random 6 --seed 7
say "A scheduled job finds it."
expect 2 acorn drift --detailed-exitcode
say "Repair: the plan names what was changed outside, and puts it back."
run acorn apply --auto-approve
expect 0 acorn drift --detailed-exitcode
say "A wrong spec changes nothing: every error at once, each with its place and its remedy."
cat > specs/wrong.yaml <<'YAML'
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: wrong}
spec:
  sku: 00123
  listings:
    - {store: amz-de, price: {currency: EUR, value: 19.90}}
YAML
expect 4 acorn plan
rm specs/wrong.yaml
say "Who did what, when, from which commit?"
run acorn history --limit 5
say "Leaving is possible: everything, in documented formats."
run acorn export ../"$(basename "$work")"/exported
say "Done: validated, planned, applied, planned empty, disturbed, found, repaired."
