"""
Reads and shows: health, readiness and metrics over HTTP.

May import jobframe.store, jobframe.core, aiohttp and prometheus-client.
"""
