"""Search in Korean and English on plain PostgreSQL, without extensions."""

from portal.search.analysis import analyse
from portal.search.ranking import Candidate, Stage, ranked
from portal.search.vectors import Matches, Query, document, query

__all__ = ["Candidate", "Matches", "Query", "Stage", "analyse", "document", "query", "ranked"]
