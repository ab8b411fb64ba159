"""Broken and hostile input for everything that reads what others wrote.

``python -m tests.fuzz --inputs 1000000`` (or ``nox -s fuzz``) mutates the examples in
``readers``. A reader may raise only errors of minimirror. The suite runs a few thousand of these inputs.
"""
