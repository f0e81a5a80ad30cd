"""One command a file, each with its own `command`; imported only when it runs."""
