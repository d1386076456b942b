"""One exhibit a file; the order of the museum is in ``prunelab.museum.rooms``."""
