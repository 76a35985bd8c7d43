"""The commands of the command line, one module an idea; ``saltloop.loop.cli`` lists them."""
