"""The kind ``dbt``: a dbt project, computed beside the lake and published into it as a whole."""
