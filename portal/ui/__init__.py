"""What every page is made of: components, template tags, charts, preferences, security headers."""
