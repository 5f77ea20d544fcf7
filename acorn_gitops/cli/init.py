"""`acorn init`. Comes in: an empty folder (or a repository without acorn). Goes out: a working one."""

from __future__ import annotations

import re
from pathlib import Path

import click

from acorn_gitops.confine.files import replace, writable
from acorn_gitops.model.finding import AcornError

PROJECT = """# The project file: where specs lie, how stores are reached, which environments there are.
apiVersion: acorn/v1
kind: Project
metadata: {name: NAME}
spec:
  specs: [specs]
  connections:
    # The embedded marketplace: everything works on it, nothing leaves this machine.
    main: {adapter: network, url: "sandbox:"}
  environments:
    sandbox: {}
    # What CI plans and applies: your own address, and a secret of the forge.
    production:
      connections: {main: {url: "https://retail.example.com/api", token: "env:ACORN_TOKEN"}}
  defaultEnvironment: sandbox
"""
STORE = """# A storefront: one seller account on one marketplace.
apiVersion: acorn/v1
kind: Store
metadata: {name: amz-de, labels: {region: eu}}
spec:
  type: storefront
  storefront:
    platform: amazon
    sellerId: A1EXAMPLE23456
    marketplaceId: A1PA6795UKMFR9
    region: eu
    currency: EUR
    languages: [de_DE]
    timezone: Europe/Berlin
"""
SKUS = """# SKUs and where they are listed. Prices are quoted: money is never a float here.
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: kitchen, labels: {line: kitchen}}
spec:
  defaults:
    attributes: {brand: Acme, taxClass: standard}
    listing: {condition: new_new, fulfillment: mfn, status: active}
  items:
    - sku: KTL-17-BLK
      gtin: "4006381333931"
      attributes: {title: Kettle 1.7 l black}
      pricePolicy: {min: {amz-de: "34.99"}}
      listings:
        - {store: amz-de, asin: B0EXAMPLE1, price: {currency: EUR, value: "49.99"}}
    - sku: MUG-RED
      attributes: {title: Red mug}
      listings:
        - {store: amz-de, asin: B0EXAMPLE2, price: {currency: EUR, value: "12.90"}}
"""
GITLAB = """# Plans every merge request, applies the default branch by hand, looks for drift on a schedule.
# Once: CI/CD variable ACORN_TOKEN (masked, protected), and Settings > CI/CD > Job token permissions >
# Allow Git push requests: what was applied is remembered on the branch acorn-ledger.
stages: [plan, apply]
variables: {ACORN_ENV: production, ACORN_LEDGER_BRANCH: acorn-ledger}
.acorn:
  image: "python:3.13" # with git
  before_script:
    - pip install --quiet acorn-gitops
    # Only addresses that the default branch names are given secrets: it must be here.
    - git fetch --quiet origin "+$CI_DEFAULT_BRANCH:refs/remotes/origin/$CI_DEFAULT_BRANCH"
acorn:plan:
  extends: .acorn
  stage: plan
  script:
    - acorn validate
    - acorn state pull
    - acorn plan --out plan.acorn.json
  artifacts: {paths: [plan.acorn.json], access: developer, expire_in: 1 week}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      variables: {ACORN_UNTRUSTED: "1"} # a stranger's change is only read
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"
acorn:apply:
  extends: .acorn
  stage: apply
  needs: ["acorn:plan"]
  resource_group: acorn
  script:
    # Brings the ledger, keeps on the branch what is about to be done, and then what was done.
    - acorn apply plan.acorn.json
  rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"', when: manual}]
acorn:drift:
  extends: .acorn
  stage: plan
  script:
    - acorn state pull
    - acorn drift --detailed-exitcode
  allow_failure: {exit_codes: [2]}
  rules: [{if: $CI_PIPELINE_SOURCE == "schedule"}]
"""
GITHUB = """# Plans every pull request, applies main behind an environment's reviewers, looks for drift on a schedule.
# Once: a secret ACORN_TOKEN, and an environment `production` with reviewers. What was applied is remembered
# on the branch acorn-ledger, which only the apply job may push.
name: acorn
on:
  pull_request:
  push: {branches: [main]}
  schedule: [{cron: "17 5 * * *"}]
permissions: {contents: read}
env:
  ACORN_ENV: production
  ACORN_LEDGER_BRANCH: acorn-ledger
  ACORN_TOKEN: ${{ secrets.ACORN_TOKEN }}
  # Only addresses that the default branch names are given secrets; a stranger's change is only read.
  ACORN_DEFAULT_BRANCH: ${{ github.event.repository.default_branch }}
  ACORN_UNTRUSTED: ${{ github.event_name == 'pull_request' && '1' || '' }}
jobs:
  plan:
    if: github.event_name != 'schedule'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: git fetch --quiet origin "+$ACORN_DEFAULT_BRANCH:refs/remotes/origin/$ACORN_DEFAULT_BRANCH"
      - run: pip install --quiet acorn-gitops
      - run: acorn validate
      - run: acorn state pull
      - run: acorn plan --out plan.acorn.json -o markdown >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v7
        with: {name: plan, path: plan.acorn.json, retention-days: 7}
  apply:
    if: github.event_name == 'push'
    needs: plan
    runs-on: ubuntu-latest
    environment: production
    concurrency: {group: acorn-apply, cancel-in-progress: false}
    permissions: {contents: write}
    steps:
      - uses: actions/checkout@v7
      - uses: actions/download-artifact@v8
        with: {name: plan}
      - run: git fetch --quiet origin "+$ACORN_DEFAULT_BRANCH:refs/remotes/origin/$ACORN_DEFAULT_BRANCH"
      - run: pip install --quiet acorn-gitops
      # Brings the ledger, keeps on the branch what is about to be done, and then what was done.
      - run: acorn apply plan.acorn.json
  drift:
    if: github.event_name == 'schedule'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: git fetch --quiet origin "+$ACORN_DEFAULT_BRANCH:refs/remotes/origin/$ACORN_DEFAULT_BRANCH"
      - run: pip install --quiet acorn-gitops
      - run: acorn state pull
      - run: acorn drift --detailed-exitcode
"""
SETTINGS = """{
  "yaml.schemas": {
    "./schemas/acorn.json": ["specs/**/*.yaml"],
    "./schemas/overlay.json": ["overlays/**/*.yaml"],
    "./schemas/Project.json": ["acorn.yaml"]
  }
}
"""


IGNORED = ".acorn/\n*.acorn.json\n"


def _ignore(path: Path) -> None:
    """Add what must not be committed to a list that is there."""
    text = path.read_text(encoding="utf-8")
    missing = [line for line in IGNORED.splitlines() if line not in text.splitlines()]
    if missing:
        end = "" if not text or text.endswith("\n") else "\n"
        replace(path, (text + end + "\n".join(missing) + "\n").encode(), root=path.parent)


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", metavar="NAME", help="Name of the project; by default the folder's.")
@click.option(
    "--ci",
    type=click.Choice(["gitlab", "github", "none"]),
    default="gitlab",
    show_default=True,
    help="CI file to write.",
)
@click.option("--empty", is_flag=True, help="No example specs: for `acorn import` to fill.")
def command(folder: Path, name: str | None, ci: str, empty: bool) -> int:
    """Begin a working repository in FOLDER: project file, first specs, CI file, editor settings, git."""
    from acorn_gitops.cli.schema import schema_files
    from acorn_gitops.model.fields import NAME
    from acorn_gitops.provenance.blame import initialise
    from acorn_gitops.specs.resolve import name_of_sku

    name = name if name is not None else name_of_sku(folder.resolve().name)
    if not re.fullmatch(NAME, name):
        raise click.UsageError(
            f"{name!r} is no project name: small letters, digits and -, beginning with a letter or digit; see --name"
        )
    above = next((p for p in folder.resolve().parents if (p / "acorn.yaml").is_file()), None)
    if above is not None:
        raise AcornError(
            f"{above} is a repository of acorn already; nothing was written",
            hint="a repository inside another one would be read as its specs",
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if (folder / "acorn.yaml").exists():
        raise AcornError(
            f"{folder / 'acorn.yaml'} exists already; nothing was written",
            hint="this is a repository of acorn",
        )
    files = {
        "acorn.yaml": PROJECT.replace("NAME", name),
        ".vscode/settings.json": SETTINGS,
        ".vscode/extensions.json": '{"recommendations": ["redhat.vscode-yaml"]}\n',
        ".gitignore": IGNORED,
    }
    if empty:
        # git keeps no empty folder, and a clone without it could not be planned.
        files["specs/.gitkeep"] = ""
    else:
        files |= {"specs/stores.yaml": STORE, "specs/skus.yaml": SKUS}
    if ci != "none":
        files[".gitlab-ci.yml" if ci == "gitlab" else ".github/workflows/acorn.yml"] = (
            GITLAB if ci == "gitlab" else GITHUB
        )
    files |= {f"schemas/{schema}": content.decode() for schema, content in schema_files().items()}
    for path in (*files, "specs/.keep"):
        writable(folder / path, folder)
    (folder / "specs").mkdir(exist_ok=True)
    kept = []
    for path, text in files.items():
        target = folder / path
        if target.exists() and path == ".gitignore":
            _ignore(target)
            continue
        if target.exists():
            kept.append(path)
            continue
        replace(target, text.encode(), root=folder, lasting=False)
    initialise(folder)
    for path in kept:
        click.echo(f"{path} was there and stays as it is", err=True)
    click.echo(
        f"{folder.resolve().name} is ready. Next:\n  acorn validate\n  acorn plan\n  acorn apply"
        if not empty
        else f"{folder.resolve().name} is ready for `acorn import`."
    )
    return 0
