"""Where photos come from: one file a source, each an iterator of candidates."""
