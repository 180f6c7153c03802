"""From a metric definition to SQL: one protocol, one file a compiler."""
