"""A campaign from Python: what the command line does, with data frames and figures. See docs/python.md."""
