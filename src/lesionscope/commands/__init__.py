"""What each subcommand calls: thin, one module a command, loaded when it is asked for."""
