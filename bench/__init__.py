"""
Measures jobframe on the machine it runs on: ``python -m bench``, or ``make bench``.

Each module of `bench.figures` measures one thing on a throw-away server of its own and never touches another. Absolute
numbers hold for one machine on one day; the ratios within a run are what the goals are about.
"""
