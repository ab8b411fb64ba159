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
    """
CREATE TABLE pages (        -- of the static index: a project's that has files in the folder, or had
    project TEXT PRIMARY KEY,
    stale INTEGER NOT NULL,  -- 1: what it says may have changed since it was written
    listed INTEGER NOT NULL DEFAULT 0  -- 1: it is there and names files, so that the root names it
) WITHOUT ROWID;
CREATE INDEX stale_pages ON pages (project) WHERE stale;
CREATE INDEX unlisted_pages ON pages (project) WHERE NOT listed;
INSERT INTO pages (project, stale) SELECT DISTINCT project, 1 FROM files;

CREATE TABLE metadata (     -- FILE.metadata beside the wheels (PEP 658)
    filename TEXT PRIMARY KEY,  -- the wheel's
    wheel TEXT NOT NULL,     -- sha256 of the wheel that it was read from
    size INTEGER NOT NULL,   -- bytes
    sha256 TEXT NOT NULL,    -- empty: there is none in the wheel, or somebody's own file is in its place
    gone INTEGER NOT NULL DEFAULT 0  -- 1: the catalog has the wheel no more
) WITHOUT ROWID;
CREATE INDEX gone_metadata ON metadata (filename) WHERE gone;

CREATE TABLE own_files (    -- distribution files in the folder that minimirror did not place
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,   -- bytes
    mtime INTEGER NOT NULL,  -- nanoseconds since the epoch
    sha256 TEXT NOT NULL,
    requires_python TEXT
) WITHOUT ROWID;
CREATE INDEX own_files_of_project ON own_files (project);

-- A page is stale from the transaction on that changes what it says, whoever makes the change.
CREATE TRIGGER file_replaced BEFORE INSERT ON files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale
        AND project = (SELECT project FROM files WHERE filename = NEW.filename);
END;
CREATE TRIGGER file_put AFTER INSERT ON files BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.project, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
    UPDATE metadata SET gone = 0 WHERE gone AND filename = NEW.filename;
END;
CREATE TRIGGER file_changed AFTER UPDATE ON files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = NEW.project;
END;
CREATE TRIGGER file_forgotten AFTER DELETE ON files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.project;
    UPDATE metadata SET gone = 1 WHERE filename = OLD.filename;
END;
CREATE TRIGGER status_changed BEFORE INSERT ON projects
WHEN NEW.status IS NOT (SELECT status FROM projects WHERE name = NEW.name) BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.name, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER status_told AFTER UPDATE OF status ON projects BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.name, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER status_forgotten AFTER DELETE ON projects WHEN OLD.status IS NOT NULL BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.name;
END;
CREATE TRIGGER own_file_put AFTER INSERT ON own_files BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.project, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER own_file_forgotten AFTER DELETE ON own_files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.project;
END;
""",
)
"""What makes a catalog of each version from one of the version before it."""

SCHEMA_VERSION = len(SCHEMAS)
