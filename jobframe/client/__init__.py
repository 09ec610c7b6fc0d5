"""
What producers and operators hold: Jobs, Handle, their blocking twins, and the coalescing of concurrent enqueues.

May import jobframe.core, jobframe.config (to find the server) and jobframe.store.
"""

from jobframe.client.blocking import SyncHandle, SyncJobs
from jobframe.client.connect import connect, connect_sync
from jobframe.client.handle import Handle
from jobframe.client.jobs import Jobs

__all__ = ["Handle", "Jobs", "SyncHandle", "SyncJobs", "connect", "connect_sync"]
