"""The public analytics service: read only, an hour behind, nothing private."""
