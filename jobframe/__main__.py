"""``python -m jobframe``: the same as the command ``jobframe``."""

from __future__ import annotations

from jobframe.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
