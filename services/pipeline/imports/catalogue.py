"""The mappings that come with the product, by name, and which of them a set of files is for."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from services.pipeline.imports.errors import MappingUnknownError
from services.pipeline.imports.mapping import Mapping, parse_mapping
from services.pipeline.imports.shape import FileFace, fits

GENERIC_CSV = "generic-csv"
GENERIC_NDJSON = "generic-ndjson"


@lru_cache(maxsize=1)
def shipped() -> dict[str, Mapping]:
    """Every shipped mapping by its name, in the order of names."""
    folder = files("services.pipeline.imports") / "mappings"
    texts = sorted(
        (entry.name, entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )
    mappings = [parse_mapping(text) for _, text in texts]
    return {mapping.name: mapping for mapping in mappings}


def named(name: str) -> Mapping:
    """By name or alias. Raises MappingUnknownError naming those there are."""
    mappings = shipped()
    for mapping in mappings.values():
        if name == mapping.name or name in mapping.aliases:
            return mapping
    raise MappingUnknownError(name, list(mappings))


def suited(faces: list[FileFace]) -> Mapping:
    """For files sent without a mapping: the one whose files these are by their columns, else the
    fields of the API."""
    generic = named(GENERIC_NDJSON if all(face.is_ndjson for face in faces) else GENERIC_CSV)
    for mapping in shipped().values():
        if mapping is not generic and fits(mapping, faces):
            return mapping
    return generic


def content(mapping: Mapping) -> dict[str, Any]:
    """As the import row keeps it: only what was said, so that defaults stay the product's."""
    kept: dict[str, Any] = mapping.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return kept


def as_yaml(mapping: Mapping) -> str:
    """To start one's own from."""
    return yaml.safe_dump(content(mapping), sort_keys=False, allow_unicode=True)
