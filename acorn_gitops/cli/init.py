"""`acorn init`. Comes in: an empty folder (or a repository without acorn). Goes out: a working one."""

from __future__ import annotations

from pathlib import Path

import click

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
    # production:
    #   overlays: [overlays/production]
    #   connections: {main: {url: "https://retail.example.com/api", token: env:ACORN_TOKEN}}
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
stages: [plan, apply]
.acorn:
  image: {name: "python:3.13-slim", entrypoint: [""]}
  before_script: [pip install acorn-gitops]
acorn:plan:
  extends: .acorn
  stage: plan
  script:
    - acorn validate
    - acorn plan --out plan.acorn.json
  artifacts: {paths: [plan.acorn.json], access: developer, expire_in: 1 week}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"
acorn:apply:
  extends: .acorn
  stage: apply
  needs: ["acorn:plan"]
  resource_group: acorn
  script: [acorn apply plan.acorn.json]
  rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"', when: manual}]
acorn:drift:
  extends: .acorn
  stage: plan
  script: [acorn drift --detailed-exitcode]
  allow_failure: {exit_codes: [2]}
  rules: [{if: $CI_PIPELINE_SOURCE == "schedule"}]
"""
GITHUB = """# Plans every pull request, applies main behind an environment's reviewers, looks for drift on a schedule.
name: acorn
on:
  pull_request:
  push: {branches: [main]}
  schedule: [{cron: "17 5 * * *"}]
permissions: {contents: read}
jobs:
  plan:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
        with: {persist-credentials: false}
      - run: pip install acorn-gitops
      - run: acorn validate
      - run: acorn plan -o markdown >> "$GITHUB_STEP_SUMMARY"
  apply:
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    environment: production
    concurrency: {group: acorn-apply, cancel-in-progress: false}
    steps:
      - uses: actions/checkout@v7
        with: {persist-credentials: false}
      - run: pip install acorn-gitops
      - run: acorn apply --auto-approve
  drift:
    if: github.event_name == 'schedule'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
        with: {persist-credentials: false}
      - run: pip install acorn-gitops
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
    import orjson

    from acorn_gitops.model.schema import all_schemas
    from acorn_gitops.provenance.blame import initialise
    from acorn_gitops.specs.resolve import name_of_sku

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "acorn.yaml").exists():
        raise AcornError(
            f"{folder / 'acorn.yaml'} exists already; nothing was written",
            hint="this is a repository of acorn",
        )
    files = {
        "acorn.yaml": PROJECT.replace("NAME", name or name_of_sku(folder.resolve().name)),
        ".vscode/settings.json": SETTINGS,
        ".vscode/extensions.json": '{"recommendations": ["redhat.vscode-yaml"]}\n',
        ".gitignore": ".acorn/\n*.acorn.json\n",
    }
    if not empty:
        files |= {"specs/stores.yaml": STORE, "specs/skus.yaml": SKUS}
    if ci != "none":
        files[".gitlab-ci.yml" if ci == "gitlab" else ".github/workflows/acorn.yml"] = (
            GITLAB if ci == "gitlab" else GITHUB
        )
    for schema, content in all_schemas().items():
        files[f"schemas/{schema}"] = orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n"
    (folder / "specs").mkdir(exist_ok=True)
    kept = []
    for path, text in files.items():
        target = folder / path
        if target.exists():
            kept.append(path)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    initialise(folder)
    for path in kept:
        click.echo(f"{path} was there and stays as it is", err=True)
    click.echo(
        f"{folder.resolve().name} is ready. Next:\n  acorn validate\n  acorn plan\n  acorn apply"
        if not empty
        else f"{folder.resolve().name} is ready for `acorn import`."
    )
    return 0
