"""Getting files and answers from the net: politely, within bounds, and from public addresses only."""
