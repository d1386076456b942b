"""One file a version of the schema; none is ever changed once a store may have it."""
