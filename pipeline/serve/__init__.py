"""The local pages: one server, one canvas; looking through the label maps and painting what is wrong in them."""
