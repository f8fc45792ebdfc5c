"""The operator's acts: the same functions behind the command line and behind the operator's page."""
