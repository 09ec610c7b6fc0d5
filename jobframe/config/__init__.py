"""
Which policy each job type has: jobs.toml, environment, precedence and checks.

May import jobframe.core, cattrs, packaging, tomli and tomlkit.
"""
