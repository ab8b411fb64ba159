"""The catalog's tables."""

from __future__ import annotations

__all__ = ["ADDED", "SCHEMA", "SCHEMA_VERSION"]

SCHEMA_VERSION = 1
"""The ``PRAGMA user_version`` of a catalog with these tables."""

SCHEMA = """
CREATE TABLE meta (          -- single values: what the catalog remembers from run to run
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE projects (      -- the selected projects
    name TEXT PRIMARY KEY,   -- normalized (PEP 503)
    listed INTEGER,          -- the serial in the index's list of projects; NULL if the index reports none
    serial INTEGER,          -- the value of "listed" whose page is mirrored; NULL: read the page again
    etag TEXT,               -- stands for the page that is mirrored; sent with the next conditional request
    rules TEXT,              -- digest of the rules that were applied to that page
    gone INTEGER NOT NULL DEFAULT 0,  -- 1: no longer listed or selected; its files are to be deleted
    local_files TEXT,        -- JSON list: local files that were in the folder when its page was read
    local_project TEXT,      -- those of them that make it a local project, one per line; NULL: none
    due REAL,                -- seconds since the epoch: read the page again then, even if it has not changed
    status TEXT              -- its status on the index (PEP 792); NULL: active
) WITHOUT ROWID;
CREATE INDEX due_projects ON projects (due) WHERE due IS NOT NULL;
CREATE INDEX gone_projects ON projects (name) WHERE gone;
CREATE INDEX local_projects ON projects (name) WHERE local_files IS NOT NULL;

CREATE TABLE files (         -- the files that minimirror placed, or is about to place
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,   -- bytes
    sha256 TEXT NOT NULL,
    upload_time REAL,        -- seconds since the epoch
    requires_python TEXT,
    yanked TEXT,             -- the reason, may be empty; NULL: not yanked
    core_metadata TEXT,
    url TEXT NOT NULL,
    provenance TEXT,         -- the URL of its attestations (PEP 740)
    digests TEXT,            -- JSON object: the digests that the index gave besides the sha256; NULL: none
    index_url TEXT,          -- of the index that it came from, without credentials; NULL: unknown
    invalid INTEGER NOT NULL DEFAULT 0  -- 1: the bytes in the folder may be others; fetch the file again
) WITHOUT ROWID;
CREATE INDEX files_of_project ON files (project);
CREATE INDEX invalid_files ON files (filename) WHERE invalid;

CREATE TABLE missing (       -- what the last run that finished could not mirror
    project TEXT NOT NULL,
    filename TEXT NOT NULL,  -- empty: the whole project
    cause TEXT NOT NULL,
    PRIMARY KEY (project, filename)
) WITHOUT ROWID;

CREATE TABLE runs (          -- the last runs and imports
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,   -- seconds since the epoch
    ended REAL,              -- NULL: still running, or killed
    counts TEXT              -- JSON object: how it ended, and what it did
);

CREATE TABLE resolutions (   -- what a target needs for a requirement file, or for an entry of "projects"
    input TEXT NOT NULL,
    target TEXT NOT NULL,
    key TEXT NOT NULL,       -- digest of everything that it was resolved from, except the index
    due REAL,                -- seconds since the epoch: resolve again then
    found TEXT NOT NULL,     -- JSON object
    PRIMARY KEY (input, target)
) WITHOUT ROWID;

CREATE TABLE exports (       -- bundles that were made from this mirror
    number INTEGER PRIMARY KEY,
    made REAL NOT NULL,      -- seconds since the epoch
    run INTEGER,             -- the last run before it
    since INTEGER,           -- it leaves out bytes that exports up to this one carried; NULL: none
    state TEXT NOT NULL,     -- digest of what the mirror offered at that time
    name TEXT NOT NULL,      -- of the bundle's first file
    parts INTEGER NOT NULL,
    files INTEGER NOT NULL,  -- files whose bytes it carries
    bytes INTEGER NOT NULL   -- of all its parts
);

CREATE TABLE carried (       -- the files that the last export listed, and which exports carried their bytes
    filename TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    first INTEGER NOT NULL,  -- since this one, every export has listed it
    last INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE imported (      -- files that imports placed, or were about to place
    filename TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (filename, sha256)
) WITHOUT ROWID;

CREATE TABLE pages (         -- of the static index: for each project that has, or had, files
    project TEXT PRIMARY KEY,
    stale INTEGER NOT NULL,  -- 1: what it says may have changed since it was written
    listed INTEGER NOT NULL DEFAULT 0  -- 1: it exists and names files, so that the root lists it
) WITHOUT ROWID;
CREATE INDEX stale_pages ON pages (project) WHERE stale;
CREATE INDEX unlisted_pages ON pages (project) WHERE NOT listed;

CREATE TABLE metadata (      -- FILE.metadata beside the wheels (PEP 658)
    filename TEXT PRIMARY KEY,  -- the wheel's
    wheel TEXT NOT NULL,     -- sha256 of the wheel that it was read from
    size INTEGER NOT NULL,   -- bytes
    sha256 TEXT NOT NULL,    -- empty: the wheel has none, or a local file is in its place
    gone INTEGER NOT NULL DEFAULT 0  -- 1: the wheel is no longer in the catalog
) WITHOUT ROWID;
CREATE INDEX gone_metadata ON metadata (filename) WHERE gone;

CREATE TABLE local_files (   -- distribution files in the folder that minimirror did not place
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,   -- bytes
    mtime INTEGER NOT NULL,  -- nanoseconds since the epoch
    sha256 TEXT NOT NULL,
    requires_python TEXT
) WITHOUT ROWID;
CREATE INDEX local_files_of_project ON local_files (project);

-- A page is stale from the transaction on that changes what it says, whatever code makes the change.
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
CREATE TRIGGER file_untracked AFTER DELETE ON files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.project;
    UPDATE metadata SET gone = 1 WHERE filename = OLD.filename;
END;
CREATE TRIGGER project_put BEFORE INSERT ON projects
WHEN NEW.status IS NOT (SELECT status FROM projects WHERE name = NEW.name) BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.name, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER status_changed AFTER UPDATE OF status ON projects BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.name, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER project_untracked AFTER DELETE ON projects WHEN OLD.status IS NOT NULL BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.name;
END;
CREATE TRIGGER local_file_put AFTER INSERT ON local_files BEGIN
    INSERT INTO pages (project, stale) VALUES (NEW.project, 1)
        ON CONFLICT (project) DO UPDATE SET stale = 1 WHERE NOT stale;
END;
CREATE TRIGGER local_file_gone AFTER DELETE ON local_files BEGIN
    UPDATE pages SET stale = 1 WHERE NOT stale AND project = OLD.project;
END;
"""

ADDED = """
CREATE TABLE IF NOT EXISTS upstream (  -- what the index offered when a project's page was read last
    project TEXT PRIMARY KEY,
    version TEXT,            -- the newest release that is not yanked; NULL: none
    uploaded REAL,           -- seconds since the epoch; NULL: unknown
    refused_by TEXT NOT NULL,  -- the rules that refuse it, separated by commas; empty: it is selected
    vulnerable TEXT          -- JSON object: known vulnerabilities by version; NULL: they are not known
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS project_left AFTER DELETE ON projects BEGIN
    DELETE FROM upstream WHERE project = OLD.name;
END;
"""
"""Tables that catalogs with the same version may lack, because they were added later."""
