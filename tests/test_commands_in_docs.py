"""Every command that README and docs show can be given as it stands: its name, its arguments and its options."""

import re
import shlex
from pathlib import Path

import click
import pytest
from saltloop.loop.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page):
    """What stands behind 'saltloop' in the blocks of a page, without what a shell does with the answer."""
    for block in re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith("saltloop "):
                words = shlex.split(line.strip(), comments=True)
                ends = [at for at, word in enumerate(words) if word in (">", "|", "&&", "&")]
                yield words[1 : min(ends, default=None)]


def parse(command, name, words, parent=None):
    """As the command line would, without running anything."""
    with command.make_context(name, list(words), parent=parent) as context:
        if isinstance(command, click.Group):
            parse(*reversed(command.resolve_command(context, list(words))[:2]), words[1:], context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page):
    for words in commands(page):
        try:
            parse(cli, "saltloop", words)
        except click.ClickException as error:
            pytest.fail(f"{page.name}: saltloop {' '.join(words)}: {error.format_message()}")


def test_commands_are_found():
    assert sum(1 for page in PAGES for _ in commands(page)) > 40
