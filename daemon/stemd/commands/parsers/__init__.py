"""The arguments of every command; what a command does is imported only when it is called."""
