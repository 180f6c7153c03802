"""Run every benchmark, one after the other: ``make bench``."""

from tests.benchmarks import http, http_questions, http_runs, loads, queries, runs, triggers

if __name__ == "__main__":
    runs.main()
    triggers.main()
    queries.main()
    loads.main()
    http.main()
    http_questions.main()
    http_runs.main()
