"""Run every benchmark, one after the other: ``make bench``."""

from tests.benchmarks import http, runs

if __name__ == "__main__":
    runs.main()
    http.main()
