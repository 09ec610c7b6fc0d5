"""
The jobframe command: click commands, one file a family.

``main`` is the door, ``table`` says which command lives where, ``lazy`` imports a command only when it is used,
``failures`` is the one place that turns an error into an exit code and a sentence. What people read goes through
``output`` (tables on a terminal, plain columns elsewhere), what takes long through ``progress``.

May import jobframe.wiring and what lies below it, click and rich; ``main``, ``table`` and ``lazy`` import click only,
so that ``jobframe --help`` stays quick and needs no working plugin.
"""
