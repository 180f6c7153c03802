"""How the portal starts, is watched and stops: `make run` calls `python -m portal.launch`."""
