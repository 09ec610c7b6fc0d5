"""
Runs jobs: claim, execution steps, settling, leases, sweeping, pools, and arq as the host.

May import jobframe.client, jobframe.registry, jobframe.config, jobframe.store, jobframe.core and arq.
"""
