"""The catalog's tables, version by version."""

from __future__ import annotations

__all__ = ["SCHEMAS", "SCHEMA_VERSION"]

SCHEMAS = (
    """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE projects (
    name TEXT PRIMARY KEY,   -- normalized (PEP 503)
    listed INTEGER,          -- the serial that the index root tells; NULL where it tells none
    serial INTEGER,          -- the value of "listed" that has been mirrored; NULL where none has
    etag TEXT,               -- what the next conditional request sends
    rules TEXT,              -- fingerprint of the selection that has been applied
    gone INTEGER NOT NULL DEFAULT 0,  -- 1: not listed or not wanted any more; its files are to be removed
    private TEXT             -- filenames of somebody's own, a line each; NULL where there are none
) WITHOUT ROWID;

CREATE TABLE files (
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,   -- bytes
    sha256 TEXT NOT NULL,
    upload_time REAL,        -- seconds since the epoch
    requires_python TEXT,
    yanked TEXT,             -- the reason, maybe empty; NULL where it is not yanked
    core_metadata TEXT,
    url TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_of_project ON files (project);

CREATE TABLE missing (      -- what was wanted at the last look and is not here
    project TEXT NOT NULL,
    filename TEXT NOT NULL,  -- empty where the whole project is concerned
    cause TEXT NOT NULL,
    PRIMARY KEY (project, filename)
) WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,   -- seconds since the epoch
    ended REAL,              -- NULL while it runs, or where it was killed
    counts TEXT,             -- JSON object
    errors TEXT              -- JSON list
);
""",
    """
ALTER TABLE projects ADD COLUMN due REAL;     -- seconds since the epoch: when its page is to be read anyway
ALTER TABLE projects ADD COLUMN status TEXT;  -- its status on the index (PEP 792); NULL for active
ALTER TABLE files ADD COLUMN provenance TEXT; -- the URL of its attestations (PEP 740)

CREATE TABLE resolutions (  -- what a target needs for an input: a requirement file, or an entry of "projects"
    input TEXT NOT NULL,
    target TEXT NOT NULL,
    key TEXT NOT NULL,       -- fingerprint of all that it was resolved from, the index aside
    due REAL,                -- seconds since the epoch: when it is to be resolved anyway
    found TEXT NOT NULL,     -- JSON object
    PRIMARY KEY (input, target)
) WITHOUT ROWID;
""",
    """
CREATE TABLE exports (       -- bundles that were made of this mirror
    number INTEGER PRIMARY KEY,
    made REAL NOT NULL,      -- seconds since the epoch
    run INTEGER,             -- the last run before it
    since INTEGER,           -- the export that it goes on from; NULL where it holds everything
    state TEXT NOT NULL,     -- of the mirror, as it was then
    name TEXT NOT NULL,      -- of the bundle's first file
    parts INTEGER NOT NULL,
    files INTEGER NOT NULL,  -- carried
    removed INTEGER NOT NULL,
    bytes INTEGER NOT NULL   -- of all its parts
);

CREATE TABLE exported (      -- what the mirror held at each export: at n, where since <= n < until
    kind TEXT NOT NULL,      -- 'file' or 'project'
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,           -- NULL: still, at the last export
    content TEXT,            -- a file's sha256
    row BLOB NOT NULL,       -- fingerprint of all that the catalog said of it
    PRIMARY KEY (kind, name, since)
) WITHOUT ROWID;

CREATE TABLE imports (       -- bundles that were taken into this mirror
    id INTEGER PRIMARY KEY,
    imported REAL NOT NULL,  -- seconds since the epoch
    mirror TEXT NOT NULL,    -- the mirror that they are of
    number INTEGER NOT NULL, -- as that mirror counts its exports
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    signer TEXT              -- NULL where no signature was asked for
);
""",
)
"""What makes a catalog of each version from one of the version before it."""

SCHEMA_VERSION = len(SCHEMAS)
