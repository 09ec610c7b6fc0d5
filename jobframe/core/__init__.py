"""
Nouns and rules, pure: errors, clock, ids, durations, jobs, job types, policies, backoff, outcomes, decisions.

May import only the standard library, attrs, cronsim and msgspec (structlog when a handler logs).
"""
