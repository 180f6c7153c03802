"""What people are told, and how: inbox, e-mail; one outbox."""
