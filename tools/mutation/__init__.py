"""Mutation testing of the rules that money depends on: faults are put into the code, and a test must find each."""
