"""Settings from presets and assignments, to TOML and back; what cannot be is said by its name."""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic
import tomli_w

from gaugan.errors import SettingsError
from gaugan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A setting, for a page of help.    name: section.name."""

    name: str
    value: Any
    description: str


def load_settings(preset: str | Path = "spade", assignments: Sequence[str] = ()) -> Settings:
    """Defaults, overruled by a preset, overruled by assignments.

    preset: the name of a shipped preset, or the path of a TOML file of the same form.
    assignments: `section.name=value`, or `name=value` where one section alone has that name.
    Raises: SettingsError on an unknown preset or name, or a value that cannot be.
    """
    values = read_preset(preset)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"{assignment!r} sets nothing. Write it as name=value")
        section, field = resolve(name.strip())
        values.setdefault(section, {})[field] = parse(text.strip())
    return check(values)


def loads(text: str) -> Settings:
    """Settings from the text that `dumps` wrote. Raises: SettingsError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings are no TOML: {error}") from error
    refuse_unknown(values, "the settings")
    return check(values)


def dumps(settings: Settings) -> str:
    """TOML with every setting in it."""
    return tomli_w.dumps(settings.model_dump(mode="json"))


def explain(settings: Settings) -> Iterator[Explained]:
    """Every setting with its value and its documentation, in order."""
    for section_name, section in settings:
        for name, field in type(section).model_fields.items():
            yield Explained(
                name=f"{section_name}.{name}", value=getattr(section, name), description=field.description or ""
            )


def presets() -> list[str]:
    """Names of the presets that are shipped."""
    return sorted(file.name.removesuffix(".toml") for file in presets_folder().iterdir() if file.name.endswith(".toml"))


def presets_folder() -> Any:
    return resources.files("gaugan").joinpath("presets")


def read_preset(preset: str | Path) -> dict[str, dict[str, Any]]:
    path = Path(preset)
    if path.suffix == ".toml":
        if not path.is_file():
            raise SettingsError(f"no settings at {path}. Shipped presets: {', '.join(presets())}")
        text, where = path.read_text(encoding="utf-8"), str(path)
    elif str(preset) in presets():
        text, where = presets_folder().joinpath(f"{preset}.toml").read_text(encoding="utf-8"), f"preset {preset}"
    else:
        known = ", ".join(presets())
        file = path.with_name(f"{path.name}.toml")
        meant = f"; did you mean {file}?" if file.is_file() else suggestion(str(preset), presets())
        raise SettingsError(f"no preset {str(preset)!r} among {known}{meant}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is no TOML: {error}") from error
    refuse_unknown(values, where)
    return values


def names() -> dict[str, list[str]]:
    """Names of every section."""
    return {section: list(field.annotation.model_fields) for section, field in Settings.model_fields.items()}


def resolve(name: str) -> tuple[str, str]:
    """Section and name meant by `section.name` or a bare `name`."""
    known = [(section, field) for section, fields in names().items() for field in fields]
    found = [pair for pair in known if name in (".".join(pair), pair[1])]
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(f"{name!r} is in several sections. Write one of: {', '.join(map('.'.join, found))}")
    raise SettingsError(f"unknown setting {name!r}{suggest_setting(name)}")


def refuse_unknown(values: dict[str, Any], where: str) -> None:
    for section, fields in values.items():
        if section not in names():
            raise SettingsError(f"{where}: unknown section [{section}]{suggestion(section, list(names()))}")
        if not isinstance(fields, dict):
            raise SettingsError(f"{where}: [{section}] is {fields!r}, expected a section with settings")
        for field in fields:
            if field not in names()[section]:
                raise SettingsError(
                    f"{where}: unknown setting '{section}.{field}'{suggest_setting(f'{section}.{field}')}"
                )


def suggest_setting(name: str) -> str:
    known = {".".join((section, field)): field for section, fields in names().items() for field in fields}
    if "." in name:
        return suggestion(name, list(known))
    close = difflib.get_close_matches(name, known.values(), n=1, cutoff=0.5)
    return f"; did you mean {next(full for full, bare in known.items() if bare == close[0])}?" if close else ""


def suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def parse(text: str) -> Any:
    """The value a TOML file would hold; words without quotes are words."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def check(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except pydantic.ValidationError as error:
        raise SettingsError(sentence(error.errors()[0])) from error


def sentence(error: Any) -> str:
    """What pydantic found, as one sentence that names the setting, its value and what was expected."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    expected = error["msg"].split(", unable to")[0].split(", got a number")[0].removeprefix("Input should be ")
    bounds = {"greater": "a number greater", "less": "a number less"}
    for word, instead in bounds.items():
        expected = instead + expected.removeprefix(word) if expected.startswith(word) else expected
    expected = (
        expected.replace("a valid ", "a ").replace("a integer", "an integer").replace("a boolean", "true or false")
    )
    return f"{'.'.join(map(str, error['loc']))} is {error['input']!r}, expected {expected}"
