"""What is done to the catalog: module = noun, function = verb."""
