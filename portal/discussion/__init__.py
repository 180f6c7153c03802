"""Comments, mentions, watching and attachments: written once for questions, assets and runs."""
