"""What people do in a discussion; a module for each noun."""
