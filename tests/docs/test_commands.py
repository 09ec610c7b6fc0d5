"""What the documentation tells people to type exists: commands, their options, make's targets, public names."""

from __future__ import annotations

import re

import click
import pytest

import jobframe
from jobframe.cli.main import root
from tests.docs import pages

COMMAND = re.compile(r"\bjobframe(?: --(?:config|debug)(?: FILE| …)?)? ([a-z][a-z-]*)([^#\n]*)")
OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")
TARGET = re.compile(r"^(?:\$ )?make ([a-z]+)\b")
PUBLIC = re.compile(r"\bjobframe\.([A-Za-z_]+)")
GROUPS = {"plugins", "commands"}
"""Entry-point groups: they look like names of the module."""


def commands(page):
    """Find each command line on *page*: the command's name and what follows it."""
    for line in pages.code(page):
        if "import jobframe" not in line:
            yield from ((found[1], found[2]) for found in COMMAND.finditer(line))


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_every_command_and_option_in_the_documentation_exists(page):
    unknown = []
    with click.Context(root, obj=None) as context:
        for name, rest in commands(page):
            command = root.get_command(context, name)
            if command is None:
                unknown.append(f"jobframe {name}")
                continue
            known = {word for parameter in command.params for word in parameter.opts} | {"--help"}
            unknown += [f"jobframe {name} {option}" for option in OPTION.findall(rest) if option not in known]
    assert unknown == []


def test_every_command_is_named_in_the_documentation():
    named = {name for page in pages.PAGES for name, _ in commands(page)}
    with click.Context(root) as context:
        assert set() == set(root.list_commands(context)) - named - {"help"}


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_every_target_of_make_in_the_documentation_exists(page):
    makefile = (pages.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set() == {target for line in pages.code(page) for target in TARGET.findall(line)} - targets


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_every_public_name_in_the_documentation_exists(page):
    named = {name for line in pages.code(page) for name in PUBLIC.findall(line)}
    modules = {path.stem for path in (pages.ROOT / "jobframe").iterdir()}
    assert set() == named - set(dir(jobframe)) - GROUPS - modules
