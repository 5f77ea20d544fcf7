"""Schemas of product types are fetched on request, checked, kept in the repository, and validate offline from then on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from acorn_gitops.sandbox.amazon import definitions
from acorn_gitops.sandbox.amazon.call import Answer, Call
from acorn_gitops.sandbox.amazon.definitions import PRODUCT
from tests.amazon.test_flow import SKUS, STORES, Seller
from tests.amazon.test_product_types import REAL


def schemas() -> list[Any]:
    """The emulator's own, and Amazon's where it is at hand."""
    real = REAL / "HOME-de.json"
    return [("PRODUCT", PRODUCT), *([("HOME", json.loads(real.read_bytes()))] if real.exists() else [])]


@pytest.mark.parametrize(("name", "schema"), schemas(), ids=lambda one: one if isinstance(one, str) else "")
def test_a_schema_comes_into_the_repository_and_validates_offline(
    selling: Seller, name: str, schema: dict[str, Any]
) -> None:
    selling.amazon.emulator.control.answer("productType", {"name": name, "schema": schema})
    brought = selling.run("amazon", "schema", name, "--store", "amz-de")
    file = f"product-types/{name}-amz-de.json"
    assert (brought.code, brought.out.strip()) == (0, file), brought
    assert f"productTypes: {{{name}: {file}}}" in brought.err
    assert json.loads((selling.path / file).read_bytes()) == schema
    config = selling.path / "acorn.yaml"
    config.write_text(config.read_text() + f"  productTypes: {{{name}: {file}}}\n")
    extra = "taxClass: standard, productType: " + name + ", extra: {item_name: [{value: " + "x" * 300 + "}]}}"
    selling.text(STORES + SKUS.replace("taxClass: standard}", extra, 1))
    selling.amazon.emulator.control.answer("fault", {"kind": "fail", "operation": "*", "times": 99})
    assert "SKU-017" in selling.run("validate").out
    again = selling.run("amazon", "template", file)
    assert again.code == 0, again
    for required in schema["required"]:
        assert any(line.startswith(f"{required}: [") for line in again.out.splitlines()), required


def test_a_template_says_what_may_be_chosen(selling: Seller) -> None:
    schema = {**PRODUCT, "required": ["color"]}
    selling.amazon.emulator.control.answer("productType", {"name": "MUG", "schema": schema})
    assert selling.run("amazon", "schema", "MUG", "--store", "amz-de").code == 0
    shown = selling.run("amazon", "template", "product-types/MUG-amz-de.json").out
    assert shown == '# Colour; one of Black, Red, White\ncolor: [{value: "Black"}]\n'


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("schema", "NOPE", "--store", "amz-de"), 1, "no product type NOPE"),
        (("schema", "../../x", "--store", "amz-de"), 64, "is no product type like HOME"),
        (("schema", "PRODUCT", "--store", "nowhere"), 64, "there is no store nowhere"),
        (("schema", "PRODUCT", "--store", "de-ber-mitte"), 1, "is a place"),
        (("template", "acorn.yaml"), 1, "is no schema"),
        (("template", "../x.json"), 1, "cannot be read"),
        (("template", "none.json"), 1, "there is no file none.json"),
    ],
)
def test_what_there_is_not_is_told(selling: Seller, words: tuple[str, ...], code: int, said: str) -> None:
    selling.apply()
    found = selling.run("amazon", *words)
    assert (found.code, said in found.err) == (code, True), found
    assert not (selling.path / "product-types").exists()


def elsewhere(body: Any) -> None:
    body["schema"]["link"]["resource"] = "https://169.254.169.254/latest"


def changed(body: Any) -> None:
    body["schema"]["checksum"] = "AAAAAAAAAAAAAAAAAAAAAA=="


def nothing(body: Any) -> None:
    del body["schema"]


@pytest.mark.planted
@pytest.mark.parametrize("lie", [elsewhere, changed, nothing])
def test_a_schema_that_is_not_amazons_is_not_written(
    selling: Seller, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Any], None]
) -> None:
    """From another host, with another checksum, or none at all."""
    honest = definitions.defined

    def defined(call: Call) -> Answer:
        answer = honest(call)
        lie(answer.body)
        return answer

    from acorn_gitops.sandbox.amazon import app

    operations = tuple(
        one._replace(handle=defined) if one.handle is honest else one for one in app.OPERATIONS
    )
    monkeypatch.setattr(app, "OPERATIONS", operations)
    found = selling.run("amazon", "schema", "PRODUCT", "--store", "amz-de")
    assert (found.code, "internal error" in found.err) == (1, False), found
    assert not (selling.path / "product-types").exists()


def test_a_stranger_fetches_nothing(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    assert selling.run("amazon", "schema", "PRODUCT", "--store", "amz-de").code != 0
