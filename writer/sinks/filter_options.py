"""Filter options of a sink (docs/configuration.md, 3)."""

from collections.abc import Iterable
from typing import Final, get_args

from runtime.errors import ConfigError
from runtime.uri import UriOptions, hint
from schemas.catalogue import EntityType
from writer.lines.filters import IDENTIFYING_LABELS, Filter, NameFilter

FILTER_OPTIONS: Final = (
    *("metrics", "exclude_metrics", "types", "exclude_types", "namespaces", "exclude_namespaces"),
    *("labels", "exclude_labels", "exclude_tags"),
)
_TYPES: Final[tuple[str, ...]] = get_args(EntityType)


def parse_filter(option: UriOptions, *, with_tags: bool) -> Filter:
    """Parse `metrics=cpu/*,memory/*&exclude_namespaces=kube-*`; `with_tags` if the sink has the option `exclude_tags`.

    Raises:
        ConfigError: an option is empty, names an unknown entity type, or excludes an identifying label.
    """
    return Filter(
        metrics=_name_filter(option, "metrics"),
        types=_types(option),
        namespaces=_name_filter(option, "namespaces"),
        labels=NameFilter.of(_label_globs(_names(option, "labels")), _label_globs(_names(option, "exclude_labels"))),
        tags=NameFilter.of(exclude=_excluded_tags(option)) if with_tags else NameFilter(),
    )


def _name_filter(option: UriOptions, name: str) -> NameFilter:
    return NameFilter.of(_names(option, name), _names(option, f"exclude_{name}"))


def _names(option: UriOptions, name: str) -> list[str]:
    """Split at commas. Of a repeated option the first counts, as for every option."""
    text = option.text(name, "")
    names = [each.strip() for each in text.split(",") if each.strip()]
    if name in option.values and not names:
        raise ConfigError(f"{option.flag}: the option `{name}` is empty: remove it, or give names separated by commas")
    return names


def _types(option: UriOptions) -> NameFilter:
    for name in ("types", "exclude_types"):
        for kind in _names(option, name):
            if kind not in _TYPES:
                raise ConfigError(f"{option.flag}: the option `{name}`: unknown type {kind!r}: {hint(kind, _TYPES)}")
    return _name_filter(option, "types")


def _label_globs(labels: Iterable[str]) -> list[str]:
    """Globs for `name=value`; a name alone matches every value."""
    return [each if "=" in each else f"{each}=*" for each in labels]


def _excluded_tags(option: UriOptions) -> list[str]:
    globs = _names(option, "exclude_tags")
    for glob in globs:
        needed = [name for name in IDENTIFYING_LABELS if not NameFilter.of(exclude=[glob]).accepts(name)]
        if needed:
            raise ConfigError(
                f"{option.flag}: the option `exclude_tags`: {glob!r} excludes {', '.join(needed)}: without it points"
                " of different series overwrite each other; give other tags"
            )
    return globs
