"""Work that runs: jobs, schedules, runs, and the engine that no dead process can stop."""
