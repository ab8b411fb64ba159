"""What the config's keys may hold: each kind of value read, put into one form, or refused in a sentence.

``numbers`` counts and measures, ``amounts`` are numbers with a unit and dates, ``words`` and ``names`` are
the items of lists, ``paths`` and ``address`` lead to folders, files and the index, ``targets`` are machines,
and ``defaults`` tells what holds where a key is left out.
"""
