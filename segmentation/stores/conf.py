"""Reads the files in `conf/` into settings, and says in one line per key what is wrong with them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from segmentation.arguments import expanded
from segmentation.errors import InputProblem, did_you_mean
from segmentation.settings import CategorySettings, Frozen, Settings, SourceSettings
from segmentation.settings.logs import Categories
from segmentation.stores.host import is_submitted, on_databricks
from segmentation.stores.secrets import veiled, veiled_value

Model = TypeVar("Model", bound=BaseModel)
Tree = dict[str, Any]


#: the categories of every source that brings none
CATEGORIES = "categories.yml"


class ConfError(InputProblem):
    """A settings file or a `--set` is wrong; the message names file, key and fix."""


class _Categories(Frozen):
    categories: Categories


def conf_dir() -> Traversable:
    """`$SEGMENTATION_CONF`, else the `conf` inside the package (a wheel, a zip), else the one of the checkout."""
    if given := os.environ.get("SEGMENTATION_CONF"):
        return Path(given)
    inside = files("segmentation") / "conf"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / "conf"


def default_profile() -> str:
    """databricks on its runtimes, cluster under spark-submit, else local."""
    if on_databricks():
        return "databricks"
    return "cluster" if is_submitted() else "local"


def load_settings(profile: str, overrides: Sequence[str] = ()) -> Settings:
    """base.yml, `<profile>.yml`, `section.key=value` words of $SEGMENTATION_SETTINGS, then every override in order.

    The variable is for whatever takes no `--set`, such as notebooks. Raises ConfError for an unknown profile, an
    unknown key (with the nearest known one) or an unfit value.
    """
    folder = conf_dir()
    layers: list[tuple[str, Tree]] = [("conf/base.yml", _read(folder / "base.yml"))]
    if profile != "base":
        path = folder / f"{profile}.yml"
        if not path.is_file():
            raise ConfError(
                f"no profile {profile!r} in {folder}{did_you_mean(profile, _profiles(folder), listed=True)}"
            )
        layers.append((f"conf/{profile}.yml", _read(path)))
    try:
        words = shlex.split(os.environ.get("SEGMENTATION_SETTINGS", ""))
    except ValueError as problem:
        raise ConfError(
            f"$SEGMENTATION_SETTINGS: {problem}; write section.key=value words as a shell has them"
        ) from None
    given = [(f"$SEGMENTATION_SETTINGS, {word}", word) for word in words]
    given += [(f"--set {override}", override) for override in overrides]
    layers += [(where, _parse_override(where, override)) for where, override in given]
    merged: Tree = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    return _validate(Settings, merged, lambda path: _origin(layers, path))


def load_source(name: str, kind: str | None = None) -> SourceSettings:
    """`conf/sources/<name>.yml`, or the file itself when `name` is a path to one; `kind` is another format than its."""
    folder, path = conf_dir() / "sources", source_path(name)
    if not path.is_file():
        meant = did_you_mean(name, _stems(folder), listed=True)
        raise ConfError(f"unknown source {name!r}{meant}; a new one is a file in {folder}")
    stem = path.name.rpartition(".")[0]
    tree = {"name": stem, **_read(path)}
    if (named := str(tree["name"])) != stem:  # rows are stored under it, and `replay` looks for a file of that name
        fix = f"rename the file to {named}.yml, or leave the key out if no row was stored as {named} yet"
        raise ConfError(f"{path}: name: a source is called as its file is, {stem}: {fix}")
    if kind is None:
        return _validate(SourceSettings, tree, lambda _: str(path))
    as_kind = {**tree, "format": kind}
    if kind != "parquet" and tree.get("format") == "parquet":
        as_kind.pop("types", None)  # they are those of its Parquet files
    return _validate(SourceSettings, as_kind, lambda _: f"{path}, read as {kind}")


def source_path(name: str) -> Traversable:
    """Where the source of that name, or the file that it is a path to, is described."""
    try:
        return expanded(name) if name.endswith((".yml", ".yaml")) else conf_dir() / "sources" / f"{name}.yml"
    except ValueError as problem:
        raise ConfError(f"--source {problem}") from None


def load_categories(source: SourceSettings | None = None) -> tuple[CategorySettings, ...]:
    """The source's own categories where it brings any, else `conf/categories.yml`."""
    if source is not None and source.categories:
        return source.categories
    path = conf_dir() / CATEGORIES
    return _validate(_Categories, _read(path), lambda _: str(path)).categories


def dump_settings(settings: Settings) -> str:
    """The resolved settings as YAML, secrets hidden: runs keep it, and whoever sees runs sees it."""
    tree = settings.model_dump(mode="json")
    spark = {key: veiled_value(key, value) for key, value in tree["session"]["spark"].items()}
    tree["session"] |= {"spark": spark, "remote": _veiled_or_none(tree["session"]["remote"])}
    tree["storage"]["tracking_uri"] = _veiled_or_none(tree["storage"]["tracking_uri"])
    return yaml.safe_dump(tree, sort_keys=False)


def _veiled_or_none(address: str | None) -> str | None:
    return address and veiled(address)


def _profiles(folder: Traversable) -> list[str]:
    return [name for name in _stems(folder) if name not in {"base", "categories"}]


def _stems(folder: Traversable) -> list[str]:
    """Names of the YAML files in a folder, which may be inside a zip, without their ending."""
    there = folder.iterdir() if folder.is_dir() else []
    return sorted(path.name.removesuffix(".yml") for path in there if path.name.endswith(".yml"))


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML itself keeps the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if repeated := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(None, None, f"given twice: {', '.join(repeated)}", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(path: Traversable) -> Tree:
    if not path.is_file():
        raise ConfError(f"no file {path}; set SEGMENTATION_CONF to the folder that holds base.yml")
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # it is a SafeLoader
    except UnicodeDecodeError as problem:
        raise ConfError(f"{path} is not UTF-8 ({problem.reason} at byte {problem.start}): save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as problem:  # a ValueError is a date of the 30th of February
        raise ConfError(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    except OSError as problem:
        raise ConfError(f"{path} cannot be read ({problem.strerror})") from None
    if not isinstance(tree, dict):
        raise ConfError(f"{path} holds no keys")
    return tree


def _parse_override(where: str, override: str) -> Tree:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise ConfError(f"{where}: write section.key=value")
    try:
        tree: Any = yaml.load(value, _Loader)  # as files are read
    except (yaml.YAMLError, ValueError) as problem:
        why = problem.problem if isinstance(problem, yaml.MarkedYAMLError) else problem
        raise ConfError(f"{where}: the value is not YAML ({' '.join(str(why).split())})") from None
    for part in reversed(key.split(".")):
        tree = {part: tree}
    return dict(tree)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Both, key by key; what is empty above replaces what was below, as nothing else could empty it."""
    merged = dict(below)
    for key, value in above.items():
        both = value and isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _origin(layers: Sequence[tuple[str, Tree]], path: Sequence[str | int]) -> str:
    """The last layer that has the key; of one that is missing, the first that has what it is missing in."""
    for where, layer in reversed(layers):
        above = _nodes(layer, path)[1 : len(path)]
        # emptied here, so that whatever is missing in it is missing by this; and nothing else comes from two layers
        if any(node == {} or not isinstance(node, dict) for node in above) or _holds(layer, path):
            return where
    parents = [path[:depth] for depth in range(len(path) - 1, 0, -1)]
    return next((where for parent in parents for where, layer in layers if _holds(layer, parent)), layers[0][0])


def _nodes(tree: Any, path: Sequence[str | int]) -> list[Any]:
    """The tree and what stands below it along the path, as far as that leads."""
    nodes = [tree]
    for part in path:
        try:
            nodes.append(nodes[-1][part])
        except (KeyError, IndexError, TypeError):
            break
    return nodes


def _holds(tree: Tree, path: Sequence[str | int]) -> bool:
    return len(_nodes(tree, path)) > len(path)


def _validate(model: type[Model], tree: Tree, origin: Any) -> Model:
    try:
        return model.model_validate(tree)
    except ValidationError as problem:
        raise ConfError("\n".join(_sentences(model, tree, problem, origin))) from None


def _sentences(model: type[BaseModel], tree: Tree, problem: ValidationError, origin: Any) -> Iterator[str]:
    """One per wrong key: of a value that may be of several types pydantic tells once for each, as if it were a key."""
    wrong: dict[tuple[str | int, ...], list[Any]] = {}
    for error in problem.errors():
        path = error["loc"]
        known = path if error["type"] == "missing" else path[: len(_nodes(tree, path)) - 1]
        wrong.setdefault(known, []).append(error)
    for path, errors in wrong.items():
        key = ".".join(str(part) for part in path)
        what = errors[0]["msg"].removeprefix("Value error, ")
        if len(errors) > 1:
            kinds = [error["msg"].removeprefix("Input should be ").partition(", unable")[0] for error in errors]
            what = f"Input should be {' or '.join(kinds)}"
        if errors[0]["type"] == "extra_forbidden":
            what = f"unknown key{did_you_mean(path[-1], _keys_beside(model, path), listed=True)}"
        yield f"{origin(path)}: {key or model.__name__}: {what}"


def _keys_beside(kind: Any, path: Sequence[str | int]) -> Iterable[str]:
    """The keys that are known where the last of the path stands."""
    for part in path[:-1]:  # of a tuple or a dict of models the part is an item
        fields = getattr(kind, "model_fields", None)
        kind = (
            fields[part].annotation if fields else next(one for one in get_args(kind) if hasattr(one, "model_fields"))
        )
    return list(kind.model_fields)
