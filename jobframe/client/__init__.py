"""
What producers and operators hold: Jobs, Handle, their blocking twins, and the coalescing of concurrent enqueues.

May import jobframe.core and jobframe.store.
"""
