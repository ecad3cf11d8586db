"""The command `leadline`: one module a command, registered in `main`. Holds no rules."""
