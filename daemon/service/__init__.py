"""Life under an operating system: systemd's notify socket, signals, child processes, a private Valkey."""
