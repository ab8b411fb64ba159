"""The catalog: an SQLite database in ``.minimirror/`` that lists what the mirror holds.

Only one process writes it; others may read it at any time. ``schema`` has the tables, ``rows`` their rows,
``sql`` what several tables share. ``catalog`` opens it; ``projects``, ``files``, ``runs``, ``pages`` and
``upstream`` read and write the tables. ``changes`` finds what has changed since the last run, ``exports`` has
what bundles carried, ``imports`` what a bundle lists and the folder lacks. ``reader`` is for processes that
only read, such as a server.
"""
