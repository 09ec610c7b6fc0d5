"""
The built-in plugin that keeps the store tidy, registered through the same hooks as everyone else's.

May import the public API and jobframe.store.
"""
