"""How log lines look, and what never stands in them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, structlog
from jobframe.runtime.logs import configure
configure({format!r}, {level!r})
structlog.get_logger("jobframe.test").bind(job="a:b").info("hello", n=1)
logging.getLogger("jobframe.test").warning("from %s", "stdlib")
logging.getLogger("arq.worker").info("chatter")
def fail():
    payload = "local-variable"
    return 1 / 0
try:
    fail()
except ZeroDivisionError:
    structlog.get_logger().exception("boom")
"""


def _stderr(format, level="INFO"):
    code = SCRIPT.format(format=format, level=level)
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert "" == process.stdout
    return process.stderr


def test_json_lines_carry_level_time_and_context():
    hello, stdlib, boom = map(json.loads, _stderr("json").splitlines())
    assert {"event": "hello", "level": "info", "job": "a:b", "n": 1} == {
        key: value for key, value in hello.items() if key != "timestamp"
    }
    assert hello["timestamp"].endswith("Z")
    assert ("from stdlib", "warning") == (stdlib["event"], stdlib["level"])
    assert "ZeroDivisionError" in boom["exception"]


def test_console_lines_are_plain_text_when_nobody_watches():
    text = _stderr("console")
    assert "hello job=a:b n=1" in text
    assert "\x1b[" not in text


@pytest.mark.parametrize("format", ["console", "json"])
def test_no_local_variable_and_no_chatter_of_arq_is_shown(format):
    text = _stderr(format)
    assert "ZeroDivisionError" in text
    assert "local-variable" not in text.replace('payload = "local-variable"', "")
    assert "chatter" not in text


def test_lines_below_the_level_are_left_out():
    text = _stderr("console", "ERROR")
    assert "hello" not in text
    assert "stdlib" not in text
    assert "boom" in text
