"""
Which job types exist: hook specifications, the plugin loader, the catalog of types and their owners.

May import jobframe.core, packaging and pluggy.
"""
