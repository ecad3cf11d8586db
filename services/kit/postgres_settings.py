"""How the embedded Postgres is tuned: a machine with two cores, small rows, one writer a ledger.

Given on the command line, so that the data directory holds no setting that could grow stale.
"""

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}

THROWAWAY = {
    # For tests: losing the data of a crashed machine costs nothing there.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    # Every test process holds the pools of all services.
    "max_connections": "500",
}


def postgres_settings(major: int, port: int, *, durable: bool) -> dict[str, str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        # The path of a socket may have 107 bytes and a home directory may have more.
        "unix_socket_directories": "",
        "max_connections": "100",
        "effective_cache_size": "1GB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "random_page_cost": "1.1",
        # Statements here are short; compiling them and spreading them over cores costs more than
        # it saves.
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        # Migrations and partitioned tables lock many relations in one transaction.
        "max_locks_per_transaction": "256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %a ",
        "logging_collector": "off",
        "log_checkpoints": "off",
        **(DURABLE if durable else THROWAWAY),
    }
    if major >= 18:
        settings["io_method"] = "sync"  # no pool of reader processes beside two cores of work
    return settings
