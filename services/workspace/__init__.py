"""The shared kernel: workspaces, users and reporting lines, API keys, policies, fiscal calendar."""
