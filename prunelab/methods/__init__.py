"""One file a method: a function that scores, higher stays."""
