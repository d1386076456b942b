"""One file a kind of unit: what is counted, covered by a mask and removed."""
