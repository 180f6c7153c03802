"""The demonstration: a plausible team over real flights; never loaded in production mode."""
