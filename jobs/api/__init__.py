"""Jobs and runs over HTTP for other systems."""
