"""What tests share. The tests of a subpackage are in the folder with its name.

- ``index/``: a real package index on loopback, with the content and the faults that a test chooses;
- ``servers/``: the servers that people run: nginx, pypiserver, devpi and others;
- ``installers``: pip and uv, without network and settings;
- ``running``: minimirror, from Python, as a command in this process or in its own, or at a terminal;
- ``forking``: such processes, forked from one that has imported minimirror;
- ``distributions``: wheels and sdists, made in memory;
- ``hostile/``: an index that misbehaves in every known way;
- ``histories``: an index that changes from run to run;
- ``recorder``: a run that is killed at any of its operations;
- ``machines/``: the tags that pip accepts on other machines.
"""
