"""A type of resource is two files. Here a tenth one is added, in a folder of a test, and everything that works with resources knows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acorn_gitops.compile.configuration import TRANSLATIONS
from acorn_gitops.plan.compare import same
from acorn_gitops.resources.registry import FIXED, REFERENCES, SETS, TYPES, fields_of, parse_address
from tests.repository import Repository, document, sku, storefront

RESOURCE = '''
"""A label that a store shows to its staff."""

from acorn_gitops.resources.resource_type import ResourceType, SpecPath
from acorn_gitops.resources.wire import TEXTS, text


def _spec_paths(address, attribute, value, spec):
    return [SpecPath(("metadata", "labels", address.key), value)] if attribute == "value" else ()


TYPE = ResourceType(
    name="sign",
    kind="Store",
    wave=6,
    needs="store",
    home="storefront",
    fixed=frozenset({"colour"}),
    sets=frozenset({"places"}),
    plural="signs",
    refers={"role": "role"},
    properties={"value": text(63), "colour": text(20), "places": TEXTS, "role": text(200)},
    required=("value",),
    words=lambda held, show: [f"says {show(held.get('value'), 40)}"],
    spec_paths=_spec_paths,
    objection=lambda held, values: ("Rude", "nobody shows that") if held["value"] == "rude" else None,
)
'''
COMPILE = '''
"""Labels of a store to signs."""

from acorn_gitops.compile.translation import Translation
from acorn_gitops.model.resource import Desired


def _compile(configuration, state):
    for spec in configuration.stores.values():
        for name, value in spec.labels.items():
            sign = {"value": value, "colour": "blue", "places": ["door", "window"]}
            state.add(spec.name, "sign", name, Desired(sign, spec.origin))


TRANSLATION = Translation(
    compile=_compile,
    alone=lambda store, key, attributes: None,
    add=lambda drafts, address, attributes: drafts.unsaid.append((address, "labels are written by hand")),
)
'''
PROGRAM = """
import sys
import acorn_gitops.compile, acorn_gitops.resources
acorn_gitops.resources.__path__.append(sys.argv[1] + "/resources")
acorn_gitops.compile.__path__.append(sys.argv[1] + "/compile")
from acorn_gitops.cli import main
main(sys.argv[2:])
"""


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    """One store with a label and a listing, applied by an acorn that has ten types."""
    for room, text in (("resources", RESOURCE), ("compile", COMPILE)):
        (tmp_path / "more" / room).mkdir(parents=True)
        (tmp_path / "more" / room / "sign.py").write_text(text)
    front = storefront()
    front["metadata"]["labels"] = {"season": "winter"}
    return Repository(tmp_path / "r", front, sku("A-1", "50.00"))


def ten(shop: Repository, *arguments: str) -> tuple[int, str]:
    """Exit code and all output of an acorn that has ten types."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(shop.path.parent / "more"), *arguments],
        cwd=shop.path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_tenth_type_is_planned_applied_and_watched(shop: Repository) -> None:
    """With its words, its references and its order, on the embedded marketplace, which enforces its schema."""
    code, said = ten(shop, "plan")
    assert code == 0 and "says winter" in said, said
    code, said = ten(shop, "apply", "--auto-approve")
    assert code == 0, said
    assert ten(shop, "plan", "--detailed-exitcode")[0] == 0
    code, said = ten(shop, "sandbox", "disturb", "amz-de/sign/season.value=spring")
    assert code == 0, said
    code, said = ten(shop, "drift", "--detailed-exitcode")
    assert code == 2 and "sign season" in said, said
    code, said = ten(shop, "state", "list")
    assert "amz-de/sign/season" in said
    assert "season" in ten(shop, "plan", "--select", "*/sign/*")[1]


def test_what_the_tenth_type_refers_to_stays(shop: Repository) -> None:
    """A grant refers to a role as well: neither hides the other."""
    staff = document(
        "RolePermission",
        "staff",
        {
            "subjects": [{"kind": "group", "id": "staff"}],
            "stores": {"all": True},
            "rules": [{"resources": ["order"], "verbs": ["read"]}],
        },
    )
    front = storefront()
    front["metadata"]["labels"] = {"season": "staff"}
    shop.write(front, sku("A-1", "50.00"), staff)
    assert ten(shop, "apply", "--auto-approve")[0] == 0
    code, said = ten(shop, "sandbox", "disturb", "amz-de/sign/season.role=staff")
    assert code == 0, said
    shop.write(front, sku("A-1", "50.00"))
    said = ten(shop, "plan", "-v")[1]
    assert "sign season still refers to it" in said, said


def test_what_the_tenth_type_fixes_is_replaced_and_what_it_refuses_is_told(shop: Repository) -> None:
    """Fixed attributes, sets whose order means nothing, and the marketplace's own objection."""
    assert ten(shop, "apply", "--auto-approve")[0] == 0
    ten(shop, "sandbox", "disturb", 'amz-de/sign/season.places=["window","door"]')
    assert ten(shop, "drift", "--detailed-exitcode")[0] == 0
    ten(shop, "sandbox", "disturb", "amz-de/sign/season.colour=red")
    assert "replace" in ten(shop, "plan", "-o", "json")[1]
    front = storefront()
    front["metadata"]["labels"] = {"season": "rude"}
    shop.write(front, sku("A-1", "50.00"))
    code, said = ten(shop, "apply", "--auto-approve")
    assert code == 3 and "nobody shows that" in said, said


def test_the_schema_and_the_export_know_the_tenth_type(shop: Repository) -> None:
    """acorn.yaml may name it, and what no spec can say is told."""
    schema = ten(shop, "schema", "out")
    assert schema[0] == 0
    assert '"sign"' in (shop.path / "out" / "Project.json").read_text()
    assert "SignAttributes" in (shop.path / "out" / "retail-network.openapi.json").read_text()
    assert ten(shop, "apply", "--auto-approve")[0] == 0
    code, said = ten(shop, "export", "left")
    assert code == 0 and "labels are written by hand" in said, said


def test_an_acorn_without_it_knows_no_such_type(shop: Repository) -> None:
    """The product has nine types, and says so."""
    code, said = shop.run("plan", "--select", "*/sign/*")[:2]
    assert code == 64, said


# -- of the nine ---------------------------------------------------------------------------------------------


def test_every_type_has_both_files() -> None:
    """And nothing is derived from a name that is not there."""
    assert [*TYPES] == [*TRANSLATIONS]
    assert [type.wave for type in TYPES.values()] == sorted(type.wave for type in TYPES.values())
    for type in TYPES.values():
        assert {*type.required} <= type.properties.keys()
        assert {*type.fixed, *type.cleared, *type.refers, *type.needs_by_field} <= type.properties.keys()
        for referred in type.refers.values():
            assert TYPES[referred].wave < type.wave, "what is referred to is created first"


def test_what_is_derived_is_what_it_always_was() -> None:
    """Values that decide what is written: a change of one is meant."""
    assert {*REFERENCES} == {("tax-class", "listing", "taxClass"), ("role", "grant", "role")}
    assert {
        "location": {"code", "address"},
        "storefront": {"platform", "marketplaceId", "currency"},
        "grant": {"role", "subject"},
        "listing": {"sku"},
    } == FIXED
    assert {
        *("languages", "skus", "rules", "carriers", "resources", "verbs", "components", "combinableWith"),
        *("shipFrom", "shipTo", "territoryExclude", "taxClass", "ptc", "establishedIn", "registeredIn"),
        *("exceptions", "businessTiers"),
    } == SETS
    assert {type.name: type.wave for type in TYPES.values()} == {
        "location": 0,
        "storefront": 0,
        "role": 1,
        "tax-class": 1,
        "grant": 2,
        "tax-rule": 2,
        "listing": 3,
        "stock": 4,
        "promotion": 5,
    }
    assert fields_of("RolePermission") == {
        *("breakGlass", "rules", "validFrom", "validUntil", "employment", "mfa", "role", "subject")
    }
    assert same(["b", "a"], ["a", "b"], "skus") and not same(["b", "a"], ["a", "b"], "lines")


@pytest.mark.parametrize("text", ["amz-de/listin/A-1", "amz-de/listing/", "amz-de", "a//b", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Also where only the type is none."""
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(text)


@pytest.mark.parametrize(
    ("policies", "hint"),
    [
        ({"budgets": {"b": {"types": ["listin"], "creates": {"count": 1}}}}, "did you mean listing?"),
        ({"prune": {"promotoin": True}}, "did you mean promotion?"),
    ],
)
def test_a_misspelt_type_in_the_project_is_told(shop: Repository, policies: object, hint: str) -> None:
    """The model does not know the types, and whoever validates does."""
    text = (shop.path / "acorn.yaml").read_text()
    import yaml

    document = yaml.safe_load(text)
    document["spec"]["policies"] = policies
    (shop.path / "acorn.yaml").write_text(yaml.safe_dump(document))
    done = shop.run("validate")
    assert done.code == 4 and hint in done.out + done.err, done
