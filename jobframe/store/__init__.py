"""
The only package that knows Redis: keys, codec, Lua scripts with one typed verb each, connections, the embedded server.

May import jobframe.core, redis and msgspec.
"""
