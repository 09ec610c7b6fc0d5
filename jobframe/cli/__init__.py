"""
The jobframe command: click commands, one file a family.

May import jobframe.wiring, click and rich.
"""
