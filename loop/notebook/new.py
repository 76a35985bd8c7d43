"""A new campaign file from settings that a notebook holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import CampaignSettings, read_settings

ENDINGS = (".yaml", ".yml")


def write_campaign_file(path: Path, settings: Mapping[str, Any] | CampaignSettings | str) -> Path:
    """Write the file unless it is there and says the same; returns its path.

    Raises:
        CampaignFileError: a setting is wrong, the file says something else, or it cannot be written.
    """
    path = path if path.suffix in ENDINGS else path.with_name(f"{path.name}.yaml")
    text = settings if isinstance(settings, str) else _as_yaml(settings)
    wanted = read_settings(path, text)
    if path.exists():
        if read_settings(path, path.read_text(encoding="utf-8")) != wanted:
            raise CampaignFileError(
                f"{path} is there and says something else. Open it with Campaign.open({str(path)!r}) and edit the "
                "file, or choose another name."
            )
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CampaignFileError(f"Cannot write {path}: {error.strerror or error}.") from error
    return path


def _as_yaml(settings: Mapping[str, Any] | CampaignSettings) -> str:
    values = settings.model_dump(mode="json") if isinstance(settings, CampaignSettings) else _plain(settings)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    """With tuples and numpy's values as YAML has them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, str | int | float | bool | None):
        return value
    raise CampaignFileError(f"A setting is {value!r}; settings are texts, numbers, lists and dictionaries.")
