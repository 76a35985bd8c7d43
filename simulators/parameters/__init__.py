"""One JSON file per species (see ``docs/md.md``), and the scripts that made them."""
