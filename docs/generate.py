"""Writes the pages that must not lie: commands, rules, kinds, reference data. Comes in: the code. Goes out: Markdown
below docs/. Caller: a person (`python docs/generate.py`); a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import click

from acorn_gitops.cli import VERBS, cli
from acorn_gitops.model.reference import (
    amazon_marketplaces,
    as_of,
    rate_periods,
    rates_begin,
    table,
    tax_packs,
)
from acorn_gitops.model.territory import territories
from acorn_gitops.plan.refusals import refusals
from acorn_gitops.rules.cases import FOLDER as CASES
from acorn_gitops.rules.cases import Case, all_cases
from acorn_gitops.rules.not_built import NOT_BUILT
from acorn_gitops.rules.registry import all_rules
from acorn_gitops.sandbox.faults import KINDS as FAULTS
from acorn_gitops.specs.facts import TABLES
from acorn_gitops.specs.gate import KINDS, schema
from acorn_gitops.specs.tables import FIELDS

_PACKS = "---\n".join(
    f"apiVersion: acorn/v1\nkind: TaxRule\nmetadata: {{name: {name}}}\nspec:\n  pack: {pack}\n"
    f'  version: "2026.11"\n  stores: {{labels: {{region: eu}}}}\n  countries: {countries}\n'
    for name, pack, countries in (
        ("home", "eu-domestic", "[DE]"),
        ("parcels", "eu-union-oss", "[FR, IT, ES]"),
        ("companies", "eu-intra-community", "[FR, IT, ES]"),
    )
)
"""A seller in Germany, as the page about packs shows it."""
NOTE = "<!-- Written by docs/generate.py; edit the code, not this page. -->\n\n"


def commands() -> str:
    """Every command with its help, as it prints."""
    out = [NOTE + "# Commands\n"]
    out.append(_block([], cli))
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        out.append(_block([verb], command))
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                out.append(_block([verb, name], inner))
    out.append(
        "## Environment variables\n\nEvery option has one: `ACORN_<VERB>_<OPTION>`; shared ones are named in the help. Also:\n\n"
        "| Variable | Meaning |\n|---|---|\n"
        "| `ACORN_CACHE_DIR` | Folder of the parse cache; empty switches it off |\n"
        "| `ACORN_UNTRUSTED` | `1`: a stranger's change is looked at; whatever does more than reading is refused |\n"
        "| `ACORN_DEFAULT_BRANCH` | Which branch of `origin` says what is trusted, where neither GitLab, GitHub nor `origin/HEAD` does |\n"
        "| `ACORN_TRUST_FILE` | What `acorn trust` keeps; default `acorn/trusted.json` in the user's folder for settings |\n"
        "| `ACORN_SECRETS_DIR` | The folder that `file:` secrets come from, outside the repository |\n"
        "| `ACORN_SIGNERS` | A file, or a folder of files, with the keys that may sign commits, outside the repository |\n"
        "| `ACORN_LEDGER_BRANCH` | A branch that `apply` brings the ledger from and keeps it on; `none`: it is kept nowhere else |\n"
        "| `ACORN_NOW` | An instant that replaces the present, e.g. `2026-11-27T00:00:00Z` |\n"
        "| `ACORN_ACTOR` | Who acts, in the ledger; otherwise the forge's user or the login |\n"
        "| `ACORN_DEBUG` | Show the traceback of an internal error |\n"
        "| `NO_COLOR`, `FORCE_COLOR` | As everywhere |\n"
        "| `CI=true` | Never ask |\n"
    )
    return "\n".join(out)


def _block(path: list[str], command: click.Command) -> str:
    name = " ".join(["acorn", *path])
    context = click.Context(
        command, info_name=name, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    return f"## `{name}`\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


FAMILIES = {
    "GEN": "Files and documents",
    "STO": "Stores",
    "SKU": "SKU mappings and stock",
    "ROL": "Permissions",
    "TAX": "Tax",
    "PRO": "Prices and promotions",
    "ONB": "Onboarding and exit",
    "INT": "Integration",
    "MON": "Monitors",
}


def rules() -> str:
    """Every rule: what it checks, when, why, what to do, on what it rests; and what is not built, with the reason."""
    found = all_rules()
    out = [
        NOTE
        + "# Rules\n\n"
        + f"{len(found)} rules in nine families. Those of phase *validate* look at specs and recorded facts, offline; *plan* also at"
        " what is live and what was applied; *apply* is asked next to the write; *drift* by the scheduled job. An error blocks, a"
        " warning is told, a note (info) informs; a project can change that for each environment, and waive a finding with an owner"
        " and an end ([policies](policies.md)). A rule that itself fails blocks.\n\n"
        "`acorn rules` lists them, `acorn explain rule PRO-030` teaches one. [Every rule has cases](rule-cases.md) that fail and"
        " that pass. Rules of your own: [policies](policies.md#rules-of-your-own).\n"
    ]
    for family, words in FAMILIES.items():
        out.append(f"\n## {family}: {words}\n")
        for rule in found:
            if rule.id[:3] != family:
                continue
            detail = " ".join((rule.check.__doc__ or "").split()) if rule.check is not None else ""
            out.append(f"### {rule.id}: {rule.title}\n")
            out.append(f"*{rule.severity}, {rule.phase}.* {rule.why}\n")
            rows = [("Checks", detail), ("Mend", rule.mend), ("Source", rule.source)]
            out += [f"- **{name}**: {text}" for name, text in rows if text]
            out.append("")
    out.append("\n## Not built\n\n| Rule | Reason |\n|---|---|")
    out += [f"| `{id}` | {reason} |" for id, reason in sorted(NOT_BUILT.items())]
    out.append(
        "\n## Other refusals\n\nWhat no rule decides: the plan, the ledger or the marketplace does.\n\n| Id | Exit | What |\n|---|---|---|"
    )
    out += [f"| `{id}` | {code} | {words} |" for id, (code, words) in refusals().items()]
    return "\n".join(out).replace("\n\n\n", "\n\n") + "\n"


_SHOWN_IN = {
    "validate": "`acorn validate`",
    "plan": "`acorn plan`",
    "apply": "`acorn apply`",
    "drift": "`acorn drift`",
    "fmt": "`acorn fmt`",
}


def rule_cases() -> str:
    """Every failing and passing case of every rule, as tests run them."""
    out = [
        NOTE
        + "# A failing and a passing case of every rule\n\nTests run all of these. Each is a change to the small repository"
        " below: maps merge, lists replace, null removes. `acorn explain rule ID` shows a rule with its first cases.\n",
        "## The small repository\n\n```yaml\n"
        + (CASES / "base.yaml").read_text(encoding="utf-8").rstrip()
        + "\n```\n",
    ]
    cases: dict[str, list[Case]] = {}
    for case in all_cases():
        cases.setdefault(case.rule, []).append(case)
    titles = {r.id: r.title for r in all_rules()}
    for id in sorted(cases, key=lambda i: (list(FAMILIES).index(i[:3]), i)):
        out.append(f"## {id}: {titles[id]}\n")
        for case in cases[id]:
            words = "Fails" if case.fails else "Passes"
            notes = [f"seen by {_SHOWN_IN[case.phase]}"] if case.phase != "validate" else []
            if case.now != "2026-11-23T09:00:00Z":
                notes.append(f"at {case.now}")
            if "before" in case.more:
                notes.append("after the small repository was applied")
            if "disturb" in case.more:
                notes.append(f"and somebody has set {case.more['disturb']}")
            if "actor" in case.more:
                notes.append(f"by {case.more['actor']}")
            if case.more.get("rehearse"):
                notes.append("after `acorn rehearse`")
            out.append(f"**{words}**" + (f" ({', '.join(notes)})" if notes else "") + "\n")
            out.append(f"```yaml\n{case.shown}\n```\n" if case.patch else "The small repository as it is.\n")
    return "\n".join(out)


def kinds() -> str:
    """Every field of the five kinds."""
    out = [
        NOTE
        + "# Kinds and fields\n\nA field that is absent is not managed; `null` clears it; `[]` is empty on purpose. The same is in `schemas/` for editors.\n"
    ]
    for kind in (*KINDS, "Project", "Policy"):
        page = schema(kind)
        out.append(f"## {kind}\n\n{page.get('description', '')}\n\n| Field | Type | Meaning |\n|---|---|---|")
        out += _fields(page, page, ())
        out.append("")
    out.append(
        "## Columns of a table\n\nA `SkuMapping` with `table` reads CSV with these headings: "
        + ", ".join(f"`{f}`" for f in FIELDS)
        + ".\n"
    )
    return "\n".join(out)


def _fields(root: dict[str, Any], node: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    rows: list[str] = []
    node = _follow(root, node)
    for name, field in node.get("properties", {}).items():
        here = (*path, name)
        required = " (required)" if name in node.get("required", ()) else ""
        rows.append(f"| `{'.'.join(here)}`{required} | {_type(root, field)} | {_words(root, field)} |")
        for inner, suffix in _inside(root, field):
            if len(here) < 6:
                rows += _fields(root, inner, (*here[:-1], here[-1] + suffix))
    return rows


def _inside(root: dict[str, Any], field: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    found = []
    for branch in _branches(root, field):
        if branch.get("properties"):
            found.append((branch, ""))
        elif isinstance(branch.get("items"), dict):
            found += [(b, "[]" + s) for b, s in _inside(root, branch["items"])]
    return found


def _branches(root: dict[str, Any], field: dict[str, Any]) -> list[dict[str, Any]]:
    options = field.get("anyOf") or field.get("oneOf") or [field]
    return [_follow(root, option) for option in options if option != {"type": "null"}]


def _follow(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return root["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _type(root: dict[str, Any], field: dict[str, Any]) -> str:
    words = []
    for branch in _branches(root, field):
        if "const" in branch:
            words.append(f"`{branch['const']}`")
        elif "enum" in branch:
            words.append(", ".join(f"`{v}`" for v in branch["enum"] if v is not None))
        else:
            kind = branch.get("type", "any")
            kind = next((k for k in kind if k != "null"), "any") if isinstance(kind, list) else kind
            if kind == "array":
                kind = (
                    f"list of {_type(root, branch['items'])}"
                    if isinstance(branch.get("items"), dict)
                    else "list"
                )
            words.append({"object": "map", "string": "text"}.get(kind, kind))
    return " or ".join(dict.fromkeys(words))


def _words(root: dict[str, Any], field: dict[str, Any]) -> str:
    text = field.get("description") or next((b.get("description", "") for b in _branches(root, field)), "")
    return " ".join(str(text).split()).replace("|", "\\|")


def reference() -> str:
    """The tables that ship."""
    out = [
        NOTE
        + f"# Reference data\n\n## Amazon marketplaces\n\nAs of {as_of('marketplaces')}.\n\n| Country | Marketplace id | Currency | Region | Time zone | Languages |\n|---|---|---|---|---|---|"
    ]
    out += [
        f"| {m.country} | `{m.marketplace_id}` | {m.currency} | {m.region} | {m.timezone} | {', '.join(m.languages)} |"
        for m in amazon_marketplaces().values()
    ]
    out.append(
        f"\n## VAT and GST rates\n\nAs of {as_of('vat_rates')}; of days before {rates_begin()} only what a row says counts. A place that has a standard rate"
        " here has its own in every class. Goods: some that have the rate, not all.\n\n| Place | Class | Percent | From | Until | Goods"
        " |\n|---|---|---|---|---|---|"
    )
    out += [
        f"| {r.country} | {r.rate_class} | {r.percent} | {r.from_date or ''} | {r.to_date or ''} | {r.goods} |"
        for r in rate_periods()
    ]
    out.append(
        f"\n## Places\n\nAs of {as_of('territories')}. Places whose tax on sales is not simply that of the country that their code begins"
        " with. Any of the names is the place; the name of an area under *within* covers it too, and no other country's does. Parts of"
        " countries that are not here are what ISO 3166-2 says, and belong to their country.\n\n| Place | Other names | Within | What it is |"
        " Source |\n|---|---|---|---|---|"
    )
    out += [
        f"| `{t.code}` | {', '.join(t.names)} | {', '.join(t.within)} | {t.note} | {t.source} |"
        for t in territories().values()
    ]
    out.append(
        f"\n## Fees of coupons\n\nAs of {as_of('fees')}: what Amazon takes for a coupon beside its discount.\n\n| Currency | From | Until | For each"
        " redemption | Once | Percent of its sales | At most |\n|---|---|---|---|---|---|---|"
    )
    out += [
        f"| {f['currency']} | {f['from'] or ''} | {f['to'] or ''} | {f['each']} | {f['once']} | {f['percent']} | {f['atMost'] or ''} |"
        for f in table("fees")["coupons"]
    ]
    out.append(
        "\n## Tax packs\n\nRules that ship as dated data: a TaxRule includes one by name and version, for its own stores. A newer"
        " version is another text and is never taken by itself. Not tax advice: each rule names its source, and whoever includes it"
        " reviews it (`evidence`).\n\n```yaml\n" + _PACKS + "```\n"
    )
    for (name, version), pack in sorted(tax_packs().items()):
        out.append(
            f"### {name} {version}\n\n{pack.words} As of {pack.as_of}; confidence: {pack.confidence}. Takes: {', '.join(f'`{t}`' for t in pack.takes)}."
        )
        if pack.countries:
            out.append(f" Countries: {', '.join(pack.countries)}, unless it says `countries`.")
        if pack.note:
            out.append(f"\n{pack.note}")
        out.append(
            "\n| Rule | From | Goes | Customer | Liable | Treatment | Source |\n|---|---|---|---|---|---|---|"
        )
        out += [_pack_row(rule) for rule in pack.rules]
        out.append("")
    out.append(
        "\n## Recorded facts\n\nCSV files in `facts/` (or where `facts` in acorn.yaml says), written by jobs, read by rules, engines and"
        " views; nothing of them is sent anywhere. A table that is not there says nothing. Instants carry their zone; cells in brackets"
        " may be empty.\n\n| File | A row is | Columns |\n|---|---|---|"
    )
    for name, facts in TABLES.items():
        columns = ", ".join(f"`{n}`" if c.required else f"[`{n}`]" for n, c in facts.columns.items())
        out.append(f"| `{name}.csv` | {facts.words} | {columns} |")
    out.append("\n## Faults of the sandbox\n\n| Kind | What happens |\n|---|---|")
    out += [f"| `{k}` | {words} |" for k, words in FAULTS.items()]
    return "\n".join(out) + "\n"


def _pack_row(rule: dict[str, Any]) -> str:
    supply = rule["match"].get("supply") or {}
    customer = rule["match"].get("customer") or {}
    value = rule["match"].get("value") or {}
    goes = " → ".join(
        ", ".join(supply.get(end) or ["anywhere"])
        if isinstance(supply.get(end), list)
        else str(supply.get(end) or "anywhere")
        for end in ("shipFrom", "shipTo")
    )
    goes = (
        goes.replace("@countries", "the countries")
        .replace("@country", "each country")
        .replace("@shipFrom", "`shipFrom`")
    )
    if value:
        goes += (
            f", up to {value['max']} {value['currency']}"
            if value.get("max")
            else f", above {value['above']} {value['currency']}"
        )
    who = customer.get("type", "any") + (f", VAT id {customer['vatId']}" if customer.get("vatId") else "")
    result = rule["result"]
    away = (result.get("rate") or {}).get("of") == "shipFrom"
    treatment = result["treatment"] + (", rate of departure" if away else "")
    return f"| {rule['name'].replace('@country', 'its code')} | {rule['validity']['from']} | {goes} | {who} | {result['liableParty']} | {treatment} | {rule['source']} |"


_WHERE = {
    "storefront": "Channel, with its Seller and a Zone of its country",
    "location": "StockLocation, assigned to every channel",
    "tax-class": "TaxCategory",
    "tax-rule": "TaxRate for each country and class, with a Zone of one country",
    "role": "Role, for one channel",
    "grant": "a Role of an Administrator",
    "listing": "Product and ProductVariant, with a price in the channel",
    "stock": "a StockLevel row of a variant at a location",
    "promotion": "Promotion of a channel",
}
_KEYS = {
    "storefront": "channel code",
    "location": "name",
    "tax-class": "name",
    "tax-rule": "name before `/COUNTRY/class`",
    "role": "code, without `@store`",
    "grant": "role and e-mail address",
    "listing": "sku",
    "stock": "sku",
    "promotion": "name",
}
_HOW = {
    ("storefront", "currency"): "default and only currency",
    (
        "storefront",
        "languages",
    ): "`de_DE` is Vendure's `de`; `de_AT` has a code of its own; added to the global settings when they lack it",
    ("storefront", "country"): "default tax and shipping zone: a zone of that name with that country alone",
    ("storefront", "sellerId"): "the name of the Seller, made when it is missing",
    ("location", "alias"): "the description",
    ("tax-rule", "supply"): "`shipTo`, countries only; `shipFrom` and `territoryExclude` are not held",
    ("tax-rule", "goods"): "`taxClass` only",
    ("tax-rule", "rate"): "a class is resolved for each country and the present day; a percentage as it is",
    ("role", "rules"): "see permissions below; `constraints` are refused",
    (
        "grant",
        "subject",
    ): "users only, by e-mail address; somebody unknown gets an account with a password that nobody knows",
    ("listing", "sku"): "the seller SKU, where the two differ",
    ("listing", "title"): "name of the variant, for all channels",
    ("listing", "status"): "`enabled`, for all channels: two stores cannot differ",
    ("listing", "price"): "price in the channel's currency, in minor units; cannot be cleared",
    ("listing", "taxClass"): "tax category, for all channels",
    ("listing", "fulfillment"): "`mfn`; `afn` is refused",
    ("listing", "allocation"): "`buffer.units` is the out-of-stock threshold; nothing else of it",
    (
        "promotion",
        "type",
    ): "what follows from discount and code: percentOff, amountOff, promoCode, buyXGetY, freeShipping",
    ("promotion", "skus"): "condition `contains_products`, and what the discount is for",
    (
        "promotion",
        "discount",
    ): "`percent`: products_percentage_discount; `amount`: order_fixed_discount, once from an order; `buyXGetY`: buy_x_get_y_free. `salePrice` is refused",
    ("promotion", "minimumOrder"): "condition `minimum_order_amount`",
    ("promotion", "code"): "coupon code",
    ("promotion", "limits"): "`redemptions`, `perCustomer`; `budget` and `quantity` are refused",
    ("promotion", "start"): "startsAt",
    ("promotion", "end"): "endsAt",
    ("promotion", "audience"): "`all`; any other is refused",
    ("storefront", "timezone"): "promotions' local times are instants by then",
    ("tax-rule", "liableParty"): "`seller`; any other is refused",
    ("tax-rule", "treatment"): "standard, reduced, superReduced and zero; any other is refused",
    ("tax-rule", "validFrom"): "planned from that day on",
    ("tax-rule", "validTo"): "taken away at the first apply from that day on",
    ("tax-rule", "customer"): "b2c and any; `b2b` and VAT ids are refused",
    ("tax-rule", "value"): "refused",
    ("role", "validFrom"): "planned from that day on",
    ("role", "validUntil"): "taken away at the first apply from that day on; told",
    ("listing", "minPrice"): "held by acorn's rules and its last guard",
    ("listing", "maxPrice"): "held by acorn's rules and its last guard",
    ("listing", "mapPrice"): "held by acorn's rules and its last guard",
    ("listing", "composition"): "multipacks and bundles are sold as variants of their own; told",
}


def vendure() -> str:
    """What the Vendure adapter holds of each attribute."""
    from acorn_gitops.marketplaces.vendure.fit import HELD, SILENT
    from acorn_gitops.marketplaces.vendure.permissions import BUNDLES
    from acorn_gitops.resources.registry import TYPES

    out = [NOTE + (Path(__file__).parent / "vendure.head.txt").read_text(encoding="utf-8")]
    out.append("## Kinds\n\n| acorn | Vendure | Known by |\n|---|---|---|")
    out += [f"| {type} | {_WHERE[type]} | {_KEYS[type]} |" for type in HELD]
    out.append("\n## Fields\n\n| Resource | Field | Held | How |\n|---|---|---|---|")
    for type, held in HELD.items():
        for name in TYPES[type].properties:
            how = _HOW.get((type, name), "")
            if how == "refused" or (type, name) == ("tax-rule", "customer"):
                state = "refused" if how == "refused" else "in part"
            else:
                state = "yes" if name in held else "by acorn" if name in SILENT.get(type, ()) else "no, told"
            out.append(f"| {type} | `{name}` | {state} | {how} |")
    out.append(
        "\n## Permissions\n\nA right is granted when all that stand in its row are wished for; a part of a row is refused."
        "\n\n| acorn | Vendure |\n|---|---|"
    )
    for bundle in BUNDLES:
        rights = ", ".join(f"{resource}.{verb}" for resource, verb in sorted(bundle.rights))
        out.append(f"| {rights} | {', '.join(sorted(bundle.permissions))} |")
    return "\n".join(out) + "\n"


def emulator() -> str:
    """Every operation of the emulated Selling Partner API, with its limits."""
    from acorn_gitops.sandbox.amazon.app import OPERATIONS

    out = [NOTE + (Path(__file__).parent / "emulator.head.txt").read_text(encoding="utf-8").lstrip("\n")]
    out.append("| Operation | Request | A second | At once |\n|---|---|---|---|\n")
    for one in sorted(OPERATIONS, key=lambda one: (one.path, one.method)):
        out.append(f"| `{one.name}` | `{one.method} {one.path}` | {one.rate:g} | {one.burst} |\n")
    return "".join(out)


def amazon() -> str:
    """What the Amazon adapter holds of each attribute."""
    from acorn_gitops.marketplaces.amazon.fit import BY_HAND, HELD, NOT_SENT, SILENT
    from acorn_gitops.resources.registry import TYPES

    out = [NOTE + (Path(__file__).parent / "amazon.head.txt").read_text(encoding="utf-8")]
    out.append("## Fields\n\n| Resource | Field | Held |\n|---|---|---|")
    for type, held in HELD.items():
        for name in TYPES[type].properties:
            state = "yes" if name in held else "by acorn" if name in SILENT[type] else "no, told"
            out.append(f"| {type} | `{name}` | {state} |")
    out.append(
        f"\nBy people: {', '.join(sorted(BY_HAND))}. Not sent, as acorn itself works with them: {', '.join(sorted(NOT_SENT))}."
    )
    return "\n".join(out) + "\n"


PAGES = {
    "amazon.md": amazon,
    "emulator.md": emulator,
    "rule-cases.md": rule_cases,
    "vendure.md": vendure,
    "commands.md": commands,
    "rules.md": rules,
    "kinds.md": kinds,
    "reference-data.md": reference,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (Path(__file__).parent / page).write_text(write(), encoding="utf-8")
        print(f"docs/{page}")
