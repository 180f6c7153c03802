"""The kind ``dbt``: a dbt project, computed beside the lake and published into it as a whole."""

from typing import Final

# Begins what dbt's process says where the fault is not the project's.
UNREACHABLE: Final = "The lake cannot be opened for dbt"
