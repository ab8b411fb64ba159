"""minimirror beside its peers: one seeded index on loopback, one table. See ``bench/README.md``."""
