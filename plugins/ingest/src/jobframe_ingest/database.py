"""One SQLite file: a connection for each thread, writes one at a time, and the tables."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

__all__ = ["Database", "path_of"]

_BUSY_MS = 15_000
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE sequence (revision INTEGER NOT NULL);
INSERT INTO sequence VALUES (0);
CREATE TABLE documents (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, uri TEXT NOT NULL, version TEXT NOT NULL,
    content_hash TEXT NOT NULL, title TEXT NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX documents_by_place ON documents (source, uri);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL REFERENCES documents (id),
    ord INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL, text_hash TEXT NOT NULL
);
CREATE INDEX chunks_of_document ON chunks (document_id, ord);
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    text, content = 'chunks', content_rowid = 'number', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunks_fts_add AFTER INSERT ON chunks BEGIN
    INSERT INTO chunks_fts (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER chunks_fts_drop AFTER DELETE ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, text) VALUES ('delete', old.number, old.text);
END;
CREATE TABLE models (number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, dim INTEGER NOT NULL);
CREATE TABLE embedded (model INTEGER NOT NULL, chunk INTEGER NOT NULL, PRIMARY KEY (model, chunk)) WITHOUT ROWID;
"""  # each row of models has a vec0 table of its own beside these, because one such table holds vectors of one length


def path_of(url: str) -> Path:
    """
    Return the file that a corpus URL names.

    Raises:
        ValueError: It is no ``sqlite:///`` URL with a path.

    """
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not separator or not path or path.startswith(":"):
        shown = url.partition("://")[0][:20]
        raise ValueError(
            f'a corpus is "sqlite:///relative/path.db" or "sqlite:////absolute/path.db", not a {shown!r} URL'
        )
    return Path(path)


class Database:
    """
    The file and this process's connections to it.

    Attributes:
        path: The file.

    """

    def __init__(self, path: Path, *, create: bool) -> None:
        """
        Open *path* and make its tables when it has none.

        Raises:
            FileNotFoundError: There is no such file and *create* is false.
            ValueError: A newer version of this package made it.

        """
        self.path = path.absolute()  # a later chdir must not open another file
        if create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.exists():
            raise FileNotFoundError(f"no corpus at {path}: nothing was ingested yet, or the path is another one")
        self._local = threading.local()
        self._all: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()  # a thread that ends takes its own with it
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._migrate()

    def connection(self) -> apsw.Connection:
        """Return this thread's connection."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._opening:
                connection = self._local.connection = _connect(self.path)
                self._all.add(connection)
        return connection

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Several reads that see one moment."""
        connection = self.connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One transaction that writes: all of it or, after an exception, nothing."""
        connection = self.connection()
        with self._writing:  # threads take turns here instead of polling SQLite's lock; processes still do that
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def vacuum(self) -> None:
        """Rewrite the file without the space of removed rows."""
        connection = self.connection()
        with self._writing:
            connection.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._opening:
            for connection in list(self._all):
                connection.close()

    def _migrate(self) -> None:
        with self.write() as connection:
            version = connection.pragma("user_version")
            if version > _SCHEMA_VERSION:
                raise ValueError(f"the corpus at {self.path} was made by a newer jobframe-ingest: upgrade this one")
            if version == 0:
                connection.execute(_SCHEMA)
                connection.pragma("user_version", _SCHEMA_VERSION)


def _connect(path: Path) -> apsw.Connection:
    import sqlite_vec  # noqa: PLC0415 - it brings numpy, which nothing but an open corpus needs

    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "normal")
    connection.pragma("foreign_keys", True)
    return connection
