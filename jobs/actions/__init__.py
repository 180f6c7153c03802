"""What is done to jobs and runs: module = noun, function = verb."""
