"""Which commands there are, in the order of ``--help``, and where each lives; importing this imports none of them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "Entry"]


class Entry(NamedTuple):
    """
    One command, as ``--help`` lists it.

    Attributes:
        family: Heading it stands under.
        home: ``module:function`` inside this package.
        summary: What it does, in one line.

    """

    family: str
    home: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "up": Entry("Run", "up:up", "All in one: embedded server, worker, status server."),
    "worker": Entry("Run", "run:worker", "Run jobs until stopped."),
    "serve": Entry("Run", "run:serve", "The status server alone."),
    "enqueue": Entry("Jobs", "enqueue:enqueue", "Enqueue one job."),
    "list": Entry("Jobs", "jobs:list_jobs", "List jobs by type and state."),
    "show": Entry("Jobs", "jobs:show", "Show everything known of one job but its payload."),
    "explain": Entry("Jobs", "explain:explain", "Tell why a job does not run."),
    "cancel": Entry("Jobs", "jobs:cancel", "Cancel a job, running or not."),
    "retry": Entry("Jobs", "retry:retry", "Run failed, cancelled or parked jobs again."),
    "pause": Entry("Queues", "queues:pause", "Stop starting jobs of a type."),
    "resume": Entry("Queues", "queues:resume", "Start jobs of a paused type again."),
    "purge": Entry("Queues", "purge:purge", "Remove jobs for good."),
    "stats": Entry("Look", "stats:stats", "Counts, waits and rates per type."),
    "types": Entry("Look", "provided:types", "Job types and who provides them."),
    "plugins": Entry("Look", "provided:plugins", "Installed plugins and the state of each."),
    "workers": Entry("Look", "workers:workers", "Workers, what they run and when they were last seen."),
    "doctor": Entry("Look", "doctor:doctor", "Examine the server, and every job for its proper state."),
    "schedules": Entry("Look", "schedules:schedules", "What fires next by itself, and fire NAME by hand."),
    "init": Entry("Configure", "init:init", "Write a commented jobs.toml for the installed plugins."),
    "check": Entry("Configure", "check:check", "Check jobs.toml against plugins and server."),
    "plan": Entry("Configure", "plan:plan", "What differs between the policy in force and jobs.toml."),
    "apply": Entry("Configure", "plan:apply", "Put the policy of jobs.toml in force, with no restart."),
    "config": Entry("Configure", "config:config", "The policy in effect and where each value comes from."),
    "schema": Entry("Configure", "schema:schema", "JSON Schema of jobs.toml, for editors."),
    "keys": Entry("Configure", "keys:keys", "Make a key for restricted fields."),
    "help": Entry("Configure", "help:help_command", "The same as COMMAND --help."),
}
