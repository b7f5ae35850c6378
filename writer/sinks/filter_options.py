"""A sink's filter, as its options say it (docs/configuration.md, 3)."""

from collections.abc import Iterable
from typing import Final, get_args

from runtime.errors import ConfigError
from runtime.uri import Options, meant
from schemas.catalogue import EntityType
from writer.lines.filters import DISTINGUISHING, Choice, Filter

FILTER_OPTIONS: Final = (
    *("metrics", "exclude_metrics", "types", "exclude_types", "namespaces", "exclude_namespaces"),
    *("labels", "exclude_labels", "exclude_tags"),
)
_TYPES: Final[tuple[str, ...]] = get_args(EntityType)


def parse_filter(option: Options, *, with_tags: bool) -> Filter:
    """From `metrics=cpu/*,memory/*&exclude_namespaces=kube-*`; `with_tags` if the sink has tags to leave out.

    Raises:
        ConfigError: a list without a name, a type that there is not, a tag that series cannot be told apart without.
    """
    return Filter(
        metrics=_choice(option, "metrics"),
        types=_types(option),
        namespaces=_choice(option, "namespaces"),
        labels=Choice.of(_pairs(_listed(option, "labels")), _pairs(_listed(option, "exclude_labels"))),
        tags=Choice.of(unwanted=_tags(option)) if with_tags else Choice(),
    )


def _choice(option: Options, name: str) -> Choice:
    return Choice.of(_listed(option, name), _listed(option, f"exclude_{name}"))


def _listed(option: Options, name: str) -> list[str]:
    """A list by commas: the first of a repeated option counts, as for every option."""
    text = option.text(name, "")
    found = [each.strip() for each in text.split(",") if each.strip()]
    if name in option.values and not found:
        raise ConfigError(f"{option.flag}: the option `{name}` names nothing: leave it out, or list names by commas")
    return found


def _types(option: Options) -> Choice:
    for name in ("types", "exclude_types"):
        for kind in _listed(option, name):
            if kind not in _TYPES:
                raise ConfigError(f"{option.flag}: the option `{name}`: no entity is a {kind!r}: {meant(kind, _TYPES)}")
    return _choice(option, "types")


def _pairs(labels: Iterable[str]) -> list[str]:
    """`team` stands for any team."""
    return [each if "=" in each else f"{each}=*" for each in labels]


def _tags(option: Options) -> list[str]:
    globs = _listed(option, "exclude_tags")
    for glob in globs:
        needed = [name for name in DISTINGUISHING if not Choice.of(unwanted=[glob]).accepts(name)]
        if needed:
            raise ConfigError(
                f"{option.flag}: the option `exclude_tags`: {glob!r} leaves out {', '.join(needed)}, without which"
                " points of different series would overwrite each other"
            )
    return globs
